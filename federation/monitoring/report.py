"""What the monitoring says: lines of a table, one line for a log, and JSON."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from federation.monitoring.charts import FEWEST
from federation.monitoring.monitor import SKILL, Monitored

WIDTH = 28  # characters of a name


def lines(done: Monitored, reviewed: str) -> Iterator[str]:
    """The table. reviewed: YYYY-MM, alarms until which a person has looked at; "" for none."""
    scored = (
        f"{len(done.months)} months scored, {done.months[0]} to {done.months[-1]}" if done.months else "none scored"
    )
    yield f"{done.country} {done.task}: {done.issues} issues, {scored}, against {done.truth}"
    if done.after_the_fact:
        yield f"not scored, made after the fact: {', '.join(done.after_the_fact[-3:])}"
    if done.seen:
        yield f"not scored, because their model had learnt from them: {done.seen} place-months"
    yield f"{'score':<{WIDTH}} {'issued':>9} {done.baseline:>20} {'place-months':>13}"
    for row in done.scores:
        yield f"{row.score:<{WIDTH}} {_number(row.issued):>9} {_number(row.baseline):>20} {row.n:>13,}"
    if not math.isnan(done.difference):
        yield (
            f"{done.headline}, issued less {done.baseline}: {done.difference:+.4f} "
            f"(95 %: {done.low:+.4f} to {done.high:+.4f})"
        )
    yield f"{'chart':<{WIDTH}} {'months':>9} {'sum':>9} (limit {done.limit:.2f})   alarms"
    for chart in done.charts:
        said = ", ".join(
            f"{each.month} since {each.since}{' (reviewed)' if each.month <= reviewed else ''}" for each in chart.alarms
        )
        if chart.what == SKILL and not chart.months:
            said = f"begins after {FEWEST} scored months"
        yield f"{chart.what:<{WIDTH}} {chart.months:>9} {chart.value:>9.2f}                {said or '-'}"
    if done.slow:
        yield f"not charted, for they move too slowly: {', '.join(done.slow)}"


def log_line(done: Monitored, reviewed: str) -> str:
    """One line: `alarm` or `no alarm`, and of what."""
    open_ones = done.alarms(reviewed)
    what = ", ".join(f"{chart.what} {alarm.month} (since {alarm.since})" for chart, alarm in open_ones)
    scored = f"{len(done.months)} months scored"
    return f"{done.country} {done.task} until {done.known}: {f'alarm: {what}' if what else 'no alarm'}; {scored}"


def as_json(done: Monitored, reviewed: str) -> str:
    """All of it; a number that is not known is null."""
    content = asdict(done) | {
        "reviewed": reviewed,
        "open_alarms": [{"chart": chart.what, **asdict(alarm)} for chart, alarm in done.alarms(reviewed)],
    }
    return json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"
