"""A forecast made again from its vintage: the records, the model and the settings that the archive kept of it."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import numpy as np

from federation.errors import ConfigError
from federation.issuing import archive
from federation.issuing.archive import CHAMPIONS, ISSUES, Issue
from federation.issuing.champion_file import opened
from federation.issuing.files import kept
from federation.issuing.issue import Wanted, forecast_with, memory_of
from federation.issuing.products import products_of, replaced_by
from federation.pack.software import code_digest
from tasks.data import Array
from tasks.registry import TASKS


@dataclass(frozen=True, kw_only=True)
class Remade:
    """An issue and what came of making it again.

    differ: files of products that came out otherwise. largest: the largest difference of a value, relative to the
    larger of the two; 0.0: the same, bit by bit. same_code: whether the code is that of the issue.
    """

    issue: Issue
    differ: tuple[str, ...]
    largest: float
    same_code: bool


def issue_as_of(home: Path, task: str, day: str) -> Issue:
    """The last issue that was made until the end of a day (YYYY-MM-DD, UTC). Raises ConfigError where there is none."""
    try:
        until = date.fromisoformat(day)
    except ValueError:
        raise ConfigError(f"as_of={day} is no day; write it as YYYY-MM-DD") from None
    made = [each for each in archive.issues(home, task) if datetime.fromisoformat(each.content.sent).date() <= until]
    if not made:
        raise ConfigError(f"as_of={day}: {home} issued nothing of task {task} until then")
    return max(made, key=lambda each: each.content.sent)


def remade(issue: Issue) -> Remade:
    """Make an issue again, from the archive alone. Raises ArchiveError where something of it is gone or was changed."""
    content = issue.content
    champion = opened(kept(issue.home / ISSUES / CHAMPIONS, content.digests["champion"], "the champion"))
    keys = ("origin", "largest_age", "late", "provisional", "played", "sender", "cost_loss", "samples", "seed")
    with archive.records_of(issue) as records:
        wanted = Wanted(
            home=issue.home,
            country=content.country,
            task=content.task,
            data=records,
            sent=datetime.fromisoformat(content.sent),
            arm=content.arm,
            made_before=datetime.fromisoformat(content.made_at),
            **{key: content.settings[key] for key in keys},
        )
        issued = forecast_with(champion, records, memory_of(issue), wanted)
    issued = replace(issued, replaces=replaced_by(issue))
    products, _ = products_of(TASKS[content.task], issued)
    names = sorted({*products, *content.products})
    before = {name: archive.product_of(issue, name) for name in content.products}
    return Remade(
        issue=issue,
        differ=tuple(name for name in names if products.get(name) != before.get(name)),
        largest=_largest(archive.forecast_of(issue).values, issued.forecast),
        same_code=content.digests["code"] == code_digest(),
    )


def _largest(before: Array, now: Array) -> float:
    if before.shape != now.shape:
        return float("inf")
    scale = np.maximum(np.maximum(np.abs(before), np.abs(now)), np.finfo(float).tiny)
    same = (before == now) | (np.isnan(before) & np.isnan(now))
    return float(np.where(same, 0.0, np.abs(before - now) / scale).max(initial=0.0))
