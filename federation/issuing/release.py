"""From a draft to what others receive: a person approves, holds or annotates, and only then products are handed on.

Products go to a folder, the outbox, as COUNTRY-TASK-ORIGIN-N.FORMAT; COUNTRY-TASK-ORIGIN-N.release.json, with whoever
approved them, every note, and the digest of every file, comes last: what has one is whole.
"""

from dataclasses import asdict
from pathlib import Path

from federation.errors import ConfigError
from federation.issuing import archive
from federation.issuing.archive import ANNOTATE, APPROVE, APPROVED, OWN, RELEASE, RELEASED, Issue
from federation.issuing.files import sync
from federation.pack.canonical import canonical
from tasks.files.atomic import write_atomically

NOBODY = "nobody (approval=none)"  # approves where the operator said that nobody has to


def decided(issue: Issue, do: str, *, by: str, reason: str) -> Issue:
    """Note a person's decision. Raises ConfigError for one that the state of the issue does not allow."""
    with archive.locked(issue.home):
        state = archive.read(issue.folder).state
        if do == APPROVE and state == RELEASED:
            return archive.read(issue.folder)
        if do == APPROVE:
            _check_newest(issue)
        if do == ANNOTATE and state == RELEASED:
            raise ConfigError(f"issue={issue.name} is released, and its notes with it; annotate a re-issue")
        return archive.decide(issue, do, by=by, reason=reason)


def release(issue: Issue, to: Path) -> Issue:
    """Hand the products of an approved issue on; of one that is released already nothing is written.

    May be repeated after a kill: the same files are written with the same bytes. Raises ConfigError for an issue that
    nobody approved, for one that a newer one of its origin follows, and for a folder that cannot be written.
    """
    with archive.locked(issue.home):
        issue = archive.read(issue.folder)
        if issue.state == RELEASED:
            return issue
        if issue.state != APPROVED:
            raise ConfigError(f"issue={issue.name} is {issue.state}; approve it first: gotong node approve")
        _check_newest(issue)
        files = {f"{stem(issue)}.{name}": archive.product_of(issue, name) for name in sorted(issue.content.products)}
        files[f"{stem(issue)}.release.json"] = _slip(issue)
        try:
            for left in to.glob(f".{stem(issue)}.*.tmp"):  # of a process that was killed
                left.unlink()
            for name, content in files.items():
                write_atomically(to / name, content)
            sync(to)
        except OSError as error:
            raise ConfigError(f"to={to} cannot be written ({error.strerror}); the issue stays approved") from None
        return archive.decide(issue, RELEASE, by=issue.decisions[-1].by, reason=f"to {to}")


def stem(issue: Issue) -> str:
    """What the names of its released files begin with."""
    content = issue.content
    return f"{content.country}-{content.task}-{content.origin}-{issue.number}"


def _slip(issue: Issue) -> bytes:
    """What goes with the products: who approved them, what was noted, and what they are. The same at every try.

    No digest of the records goes, nor of the country's own model: whoever knows all but one number of a file could try
    that one. The issue's own digest rests on its nonce.
    """
    content = issue.content
    public = {name: digest for name, digest in content.digests.items() if name != OWN}
    values = {
        "issue": issue.name,
        "country": content.country,
        "digest": issue.digest,
        "decisions": [asdict(each) for each in issue.decisions],
        "products": dict(content.products),
        "digests": public,
        "unwritten": dict(content.unwritten),
    }
    return canonical(values) + b"\n"


def _check_newest(issue: Issue) -> None:
    """Raise ConfigError where a later issue of the origin is there, which replaces what was released."""
    newest = archive.issues(issue.home, issue.content.task, issue.content.origin)[-1]
    if newest.number != issue.number:
        raise ConfigError(f"issue={issue.name}: {newest.name} is newer; approve that one")


def pending(home: Path, country: str, task: str) -> list[Issue]:
    """Approved issues that no newer one of their origin follows, and that are not released yet."""
    every = [each for each in archive.issues(home, task) if each.content.country == country]
    newest = {each.content.origin: each for each in every}
    return [each for each in newest.values() if each.state == APPROVED]
