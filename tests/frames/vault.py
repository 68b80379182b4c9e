"""A vault under hostile frames: what each costs, and whether anything leaves that its policy does not allow."""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from federation.policy.file import read_policy
from federation.settings.parts import TrainingSettings
from federation.settings.plan import Plan
from federation.settings.values import plain
from federation.strategies import STRATEGIES
from federation.strategies.strategy import public
from federation.training import sequential
from federation.training.jobs import Job, Result, rounding_seed
from federation.vault import ledger
from federation.vault.database import open_database
from federation.vault.requests import fresh, numpy_of
from federation.vault.round import serve
from federation.vault.vault import Vault
from federation.wire.compression import packed
from federation.wire.frame import PREFIX, Frame, decode, digest, encode
from tasks.health.settings import HealthSettings
from tasks.registry import TASKS
from tasks.settings import Calendar
from tests.frames.requests import mutated

COUNTRY = "VNM"
POLICY = """
tasks = ["health"]
optimizers = ["adamw", "sgd"]
maximum_rounds = 8
maximum_epochs = 2
maximum_steps = 50
maximum_parameters = 20000
runs_per_day = 1000000000
runs_per_month = 1000000000
rounds_per_month = 1000000000
"""
HEALTH = TASKS["health"]
CORPUS = 2000  # frames that are mutated again
GRADIENT = TrainingSettings(epochs=1, optimizer="sgd", momentum=0.0, clip_gradient=None)  # as SCAFFOLD needs it
LATE = Calendar(train_until="1990-12")  # the country's records begin later: all of them are scored


@dataclass
class Outcome:
    """Of many frames. cost: CPU seconds of the dearest frames, training not counted, with what they hold.

    refused: those of the dearest frame that is refused.
    memory: MiB of this process, now and then, without the frames that are kept to be mutated again.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    cost: list[tuple[float, str]] = field(default_factory=list)
    refused: float = 0.0
    memory: list[float] = field(default_factory=list)
    lines: set[tuple[str, int]] = field(default_factory=set)

    def dearest(self) -> float:
        return max((seconds for seconds, _ in self.cost), default=0.0)


def rss() -> float:
    """MiB that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


@contextmanager
def vault_in(folder: Path) -> Iterator[Vault]:
    """The vault of a synthetic country whose policy is `guarded`, and strict in sizes."""
    home = folder / COUNTRY
    home.mkdir(parents=True)
    HEALTH.synthesize(home, COUNTRY, 5, HEALTH.settings())
    (home / "policy.toml").write_text(POLICY)
    with closing(open_database(folder / "vault.sqlite")) as database:
        yield Vault(country=COUNTRY, folder=home, policy=read_policy(home, COUNTRY), database=database, key=bytes(32))


def honest(calendar: Calendar = Calendar()) -> list[bytes]:  # noqa: B008 - nobody changes it
    """First requests of honest coordinators, of several strategies, transports and arms."""
    task = HealthSettings(hidden=[8], calendar=calendar)
    frames = []
    for name in ("fedavg", "scaffold", "fedper"):
        for transport, arms in (("float32", ["federated"]), ("int8", ["federated", "local", "personalised"])):
            strategy = STRATEGIES[name]
            settings = strategy.settings()
            training = GRADIENT if name == "scaffold" else TrainingSettings(epochs=1)
            plan = Plan(
                task=task, strategy=settings, training=training, arms=arms, transport=transport, rounds=3, keep_best=2
            )
            model = numpy_of(public(fresh(HEALTH, plan).weights, settings.private))
            arrays = {f"model/{key}": value for key, value in model.items()}
            arrays |= {f"shared/{key}": value for key, value in strategy.shared(model).items()}
            sent = packed(arrays, transport, seed=rounding_seed(plan.seed, 1))
            for kind, round_ in (("train", 1), ("validate", 4), ("test", 5)):
                header = {"run": f"{name}-{transport}", "round": round_, "last_aggregated": 0, "plan": plain(plan)}
                frames.append(encode(Frame(kind=kind, header=header, arrays=sent)))
    return frames


def cost_of_honest(vault: Vault) -> float:
    """CPU seconds of the dearest honest request that scores all records, each the first for which they are read."""
    outcome = Outcome()
    for data in honest(LATE):
        vault._warm = None
        send(vault, data, outcome)
    assert set(outcome.kinds) == {"update", "scores"}, outcome
    return outcome.dearest()


def attack(vault: Vault, count: int, seed: int, *, traced: float = 0.05) -> Outcome:
    """Send so many frames. traced: share of them of which the lines they reach are seen; new lines feed the corpus."""
    draw, outcome, seeds = random.Random(seed), Outcome(), honest()
    corpus = list(seeds)
    for number in range(count):
        data = seeds[number] if number < len(seeds) else mutated(corpus if draw.random() < 0.5 else seeds, draw)
        if draw.random() < traced:
            if _reaches_new_lines(vault, data, outcome) and len(corpus) < CORPUS and _is_readable(data):
                corpus.append(data)
        else:
            send(vault, data, outcome)
        if number % max(1, count // 20) == 0:
            outcome.memory.append(rss() - sum(map(len, corpus)) / 2**20)
    ledger.verify(vault.database)
    return outcome


def send(vault: Vault, data: bytes, outcome: Outcome, *, timed: bool = True) -> None:
    training = 0.0

    def train(jobs: Sequence[Job]) -> list[Result]:
        nonlocal training
        before = time.process_time()
        try:
            return sequential.run(jobs)
        finally:
            training += time.process_time() - before

    before = time.process_time()
    try:
        [raw] = serve([(vault, data)], train)
    except Exception as error:  # what the prover looks for
        outcome.faults.append(f"{type(error).__name__}: {str(error)[:200]}: {_shown(data)}")
        return
    seconds = time.process_time() - before - training
    reply = decode(raw)
    if timed:
        outcome.cost = sorted([*outcome.cost, (seconds, _shown(data))], reverse=True)[:10]
        outcome.refused = max(outcome.refused, seconds * (reply.kind == "refused"))
    outcome.kinds[reply.kind if reply.kind != "refused" else _reason(reply)] += 1
    if fault := _fault(vault, data, reply, raw):
        outcome.faults.append(f"{fault}: {_shown(data)}")


def _fault(vault: Vault, data: bytes, reply: Frame, raw: bytes) -> str:
    """What left although the policy does not allow it."""
    if reply.kind == "refused":
        if reply.arrays or set(reply.header) != {"reason"} or len(reply.header["reason"]) > 2000:
            return "a refusal holds more than its reason"
        return ""
    request = json.loads(data[PREFIX.size : PREFIX.size + PREFIX.unpack_from(data)[2]])
    plan = request["header"]["plan"]
    training = {"epochs": 2, "lr": 2e-3, "batch_size": 64, "steps": 0} | plan.get("training", {})  # as the plan has it
    tuned = plan.get("tuning", {}).get("epochs", 2) if "personalised" in plan.get("arms", ()) else 0
    allowed = (
        plan["task"]["name"] == "health"
        and plan.get("rounds", 12) <= 8
        and max(training["epochs"] or 0, tuned) <= 2
        and (training["steps"] or 0) <= 50
        and training["lr"] <= 0.1
        and training["batch_size"] >= 16
        and request["kind"] in ("train", "validate", "test")
        and COUNTRY not in plan.get("hold_out", [])
    )
    if not allowed:
        return "something left that the policy does not allow"
    sent = {each[0] for each in request["tensors"]}
    if not {name for name in reply.arrays if name.startswith(("model/", "shared/"))} <= sent | {"shared/x"}:
        return f"arrays left that did not come: {sorted(reply.arrays)[:5]}"
    written = vault.database.execute("SELECT count(*) FROM ledger WHERE digest = ?", (digest(raw),)).fetchone()[0]
    return "" if written else "a reply is not on the ledger"


def _reaches_new_lines(vault: Vault, data: bytes, outcome: Outcome) -> bool:
    known, seen = len(outcome.lines), outcome.lines

    def look(frame: FrameType, event: str, _: Any) -> Any:
        if event == "call" and "/federation/" not in frame.f_code.co_filename:
            return None
        seen.add((frame.f_code.co_filename, frame.f_lineno))
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        send(vault, data, outcome, timed=False)
    finally:
        sys.settrace(before)
    return len(seen) > known


def _is_readable(data: bytes) -> bool:
    """Whether it can be mutated as a table, and not as bytes alone."""
    try:
        return isinstance(decode(data).header["plan"], dict)
    except Exception:
        return False


def _reason(reply: Frame) -> str:
    """A refusal without the values in it."""
    words = str(reply.header["reason"]).removeprefix(f"{COUNTRY}: ").split()
    return " ".join(word for word in words[:9] if word.isalpha())[:60]


def _shown(data: bytes) -> str:
    return f"{len(data):,} bytes {bytes(data[10:200])!r}"
