"""The command line: `gotong VERB key=value ...`, one grammar for every verb.

Imports are late: a verb loads what it needs, and help loads nothing.
"""

import errno
import os
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from types import FrameType

GROUPS = {  # who works with it -> verb -> what it does
    "train, forecast and compare, on one machine": {
        "simulate": "train one model over all member states on this machine",
        "pretrain": "first weights from synthetic countries, as a file with which runs may begin",
        "forecast": "write a finished run's forecast for a country, from its own records",
        "report": "write what came out of a finished run, as JSON and as a page for people",
        "explore": "what every country's records look like and can serve, before anything is trained",
        "watch": "show how far a run is, a line a round",
        "compare": "show runs side by side: what differs, and which wins where",
        "choose": "make a recipe from the trials of a search, each country's own model included",
        "results": "write the page of all experiments: tables, pictures, targets",
        "ui": "open the experiments in MLflow",
        "replay": "send MLflow the records of a run that it has not received",
    },
    "national files": {
        "data import": "turn public files into national files",
        "data map": "say which column of an agency's table is what, for `data import`",
        "data check": "list every problem of a national file",
        "data template": "write an empty national file with its units explained",
        "data synthesize": "write the national files of synthetic member states",
    },
    "what a country allows": {
        "policy template": "write a country's policy: open, guarded or sealed, every key explained",
        "policy check": "what a country's policy says to a run",
        "policy explain": "a policy in words, and where it differs from a template",
        "policy meet": "the corridor that several countries' policies allow, and who decides it",
    },
    "a federation of countries, at the coordinator": {
        "keys coordinator": "make the coordinator's certificate authority and server certificate",
        "keys node": "make a node's key, at the node; a small file goes to the coordinator",
        "keys enrol": "make a node a member, from the file it sent",
        "keys revoke": "end a node's membership for good",
        "keys rotate": "make new keys: a coordinator's under its authority, a node's signed by its old ones",
        "rehearse": "a coordinator and three nodes on this machine, from keys to a product, in one command",
        "coordinator": "serve a federation: a SuperLink, its executor and the gateway for nodes",
        "submit": "train over the enrolled countries, on their own machines",
        "status": "show a coordinator's certificate, members and runs",
        "stop": "end a submitted run; its checkpoint is kept",
    },
    "a country's node": {
        "node": "serve one country: its vault and its courier",
        "node check": "check that a country's node would work, and show what a run would send",
        "node budget": "what differential privacy has cost this country, and what is left",
        "node accept": "accept a model as the first weights of runs",
        "node roster accept": "accept the key of another country's vault, for sealed runs",
        "node roster show": "the members whose keys this node accepted",
        "node pack": "write and sign this country's section of a run's compliance pack",
        "node results": "this country's own scores of a run, sealed ones too",
        "node report": "this country's own page of a run or an issue, made at home",
        "node train": "train and score a country's own model; nothing leaves",
        "node preview": "show every name, shape and byte that a run would send",
        "node issue": "this month's forecast of a country: made, archived, and handed on once it is approved",
        "node approve": "hand on an issue",
        "node hold": "keep an issue back",
        "node annotate": "a note on an issue, for whoever reads it",
        "node monitor": "issued forecasts with what happened: scores, and alarms of skill and inputs",
        "node pause": "refuse every run until resume",
        "node resume": "serve again",
        "node withdraw": "leave the federation for good",
    },
    "the model that a region issues from, and its month": {
        "champion show": "the model that forecasts are issued from, the one before, and why",
        "champion offer": "a finished run becomes champion if the rules allow it",
        "champion rollback": "return to the champion before",
        "champion export": "the champion in one signed file, which nodes take",
        "cycle": "a region's month: agree, train, gate, promote, export; for a timer, and killed it goes on",
        "cycle status": "which step a region's month is at, and since when",
    },
    "for auditors": {
        "ledger show": "list what left a vault, or what a coordinator requested and received",
        "ledger verify": "check a ledger: its chain, its signed heads, and what others signed of it",
        "ledger export": "write a ledger as CSV or JSON, for an auditor",
        "ledger backup": "copy a node's ledger and its signed heads, without what the vault remembers of runs",
        "ledger accept": "go on after a ledger lost rows, with a row that says so",
        "pack": "write what a run was, who took part and what left, for an auditor",
        "pack verify": "check a compliance pack: what holds, what is missing, what does not hold",
    },
}
VERBS = {verb: what for verbs in GROUPS.values() for verb, what in verbs.items()}
REMOVED = {"node bundle": "gotong node bundle is gone: a node runs nothing that is shipped to it; start gotong node"}
FULL = "the disk is full; make room, what was done is kept"
REMEDIES = {  # error of the system -> what it is, and what to do
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EACCES: "permission denied; ask its owner, or run as the user whose it is",
    errno.EPERM: "not permitted; ask its owner, or run as the user whose it is",
    errno.EROFS: "lies on a disk that can only be read; choose another place",
    errno.EFBIG: "would be larger than the limit of this process allows (ulimit -f); what was done is kept",
    errno.EIO: "the disk does not answer; look at it before anything else is written",
    errno.EMFILE: "too many open files (ulimit -n)",
    errno.EISDIR: "is a folder; name a file",
    errno.EEXIST: "is there already and is no folder, or a link to nothing; name another one",
    errno.ELOOP: "is a link that leads to itself; name the file",
    errno.ENAMETOOLONG: "is a longer name than this disk takes; shorten it",
    errno.ENOTDIR: "a part of this path is a file and no folder; name another one",
}
# Of other people's packages, these verbs load what a country's policy names, or nothing; the others what is installed.
OWN_PACKAGES = ("coordinator", "keys", "ledger", "node", "policy", "status", "stop", "ui", "watch")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
FLAGS = ("-h", "--help", "-m", "--multirun", "-c", "--cfg", "--info", "--resolve", "-p", "--package")


def main(argv: Sequence[str] | None = None) -> None:
    """Run a verb. Exit code 0 only if the verb succeeded; a user's mistake is one line and exit code 1."""
    from federation.reporting import screen

    screen.fit()
    words = list(sys.argv[1:] if argv is None else argv)
    verb, rest = _verb(words)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        sys.exit(0)
    if gone := REMOVED.get(" ".join(words[:2])):
        sys.exit(_fail(gone))
    if verb is None:
        sys.exit(_fail(f"there is no verb {words[0]!r}; {_nearest(words)}"))
    for word in rest:
        if word.startswith("-") and word.split("=")[0] not in FLAGS:
            sys.exit(_fail(f"there is no flag {word}; known are {', '.join(FLAGS)}"))
    # Quiet, and nothing sent to anybody: set before any library reads them.
    os.environ |= {"FLWR_TELEMETRY_ENABLED": "0", "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    os.environ |= _past_the_proxy()
    signal.signal(signal.SIGTERM, _stopped)  # SIGTERM ends like Ctrl-C: checkpoint, tracking and ledger are left whole
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # of nohup, which goes on
        signal.signal(signal.SIGHUP, _stopped)  # the terminal was closed
    from federation.errors import GotongError
    from tasks.errors import TaskError

    if verb.split()[0] not in OWN_PACKAGES:
        from federation.packages.load import load_all

        for line in load_all():
            print(f"gotong: {line}", file=sys.stderr)
    if {"-h", "--help"} & set(rest):
        print(f"{VERBS[verb]}\n")
    try:
        import_module(f"federation.verbs.{verb.replace(' ', '_')}").run(rest)
    except (GotongError, TaskError) as error:
        sys.exit(_fail(str(error)))
    except KeyboardInterrupt:
        sys.exit(_fail("stopped; what was done is kept", 130))
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(_fail(f"{where}{REMEDIES[error.errno]}"))


def _verb(words: Sequence[str]) -> tuple[str | None, list[str]]:
    for length in (3, 2, 1):
        if " ".join(words[:length]) in VERBS:
            return " ".join(words[:length]), list(words[length:])
    return None, []


def _nearest(words: Sequence[str]) -> str:
    near = get_close_matches(" ".join(words[:2]), VERBS, 1) or get_close_matches(words[0], VERBS, 1)
    near += [verb for verb in VERBS if verb.startswith(f"{words[0]} ")]
    return f"did you mean {', '.join(dict.fromkeys(near))}?" if near else "gotong --help lists them"


def _help() -> str:
    lines = ["gotong VERB key=value ..."]
    for title, verbs in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {verb:<18} {what}" for verb, what in verbs.items())]
    return "\n".join([*lines, "", "gotong VERB --help explains every key; gotong simulate -m key=a,b runs a sweep."])


def _fail(message: str, code: int = 1) -> int:
    from federation.errors import without_passwords

    print(f"gotong: {without_passwords(' '.join(message.split()))}", file=sys.stderr)
    return code


def _past_the_proxy() -> dict[str, str]:
    """Variables with which calls within this machine go to no proxy of the environment, in this process and below."""
    known = [name for key in ("no_proxy", "NO_PROXY") for name in os.environ.get(key, "").split(",") if name]
    names = "*" if "*" in known else ",".join(dict.fromkeys((*known, *LOOPBACK)))  # with others it means nothing
    return {"no_proxy": names, "NO_PROXY": names}


def _stopped(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt
