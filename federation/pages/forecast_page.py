"""The page of a forecast, made of its report alone: where to look first, how likely, and what it rests on."""

from fractions import Fraction

from federation.pages.fans import fan
from federation.pages.forecast_report import (
    MOST_CHARTS,
    Came,
    Change,
    ForecastReport,
    Outlooks,
    Step,
    certainty,
    dues,
    warned,
)
from federation.pages.numbers import whole
from federation.pages.render import render
from federation.pages.words import NEVER, Words

SURE = 0.95  # from there on, and below 1 less it, tenths would say too much


def page(report: ForecastReport, words: Words) -> str:
    """As HTML."""
    drawn = [place for place in report.places[:MOST_CHARTS] if all(step.quantiles for step in place.steps)]
    return render(
        "forecast.html",
        report=report,
        words=words,
        names={place.place: place.name for place in report.places},
        sentence=sentence(report, words),
        second=second(report, words),
        warnings=[_warning(report, place, step, words) for place, step in warned(report)[:MOST_CHARTS]],
        fans=[(place, _said(report, place, words), fan(place, words)) for place in drawn],
        left=len(report.places) - len(drawn) if drawn else 0,
        months=[(words.month(due), ahead) for due, ahead in dues(report).items()],
        rows=[(place, _cells(report, place, words)) for place in report.places],
        changes=[] if report.since is None else [_change(each, words) for each in report.since.changes],
        came=[] if report.checked is None else [_came(each, report.unit, words) for each in report.checked.rows],
        outcome=_outcome(report, words),
    )


def sentence(report: ForecastReport, words: Words) -> str:
    """Where and when the event is most likely, or that it is expected nowhere."""
    country = words.name("countries", report.country)
    high = warned(report)
    if not high:
        return words("forecast.nowhere", country=country, event=report.event)
    place, step = high[0]
    return words(
        "forecast.somewhere",
        country=country,
        event=report.event,
        certainty=words(f"certainty.{certainty(step.chance, report.act)}"),
        place=place.name,
        month=words.month(step.due),
        chance=tenths(step.chance, report.act, words),
    )


def second(report: ForecastReport, words: Words) -> str:
    """In how many places acting pays, or where the chance is highest."""
    where = {place.place for place, _ in warned(report)}
    act = Fraction(report.act).limit_denominator(20)
    if where:
        chance = words("chance.odds", part=act.numerator, of=act.denominator)
        return words("forecast.counted", warned=len(where), places=len(report.places), chance=chance)
    first = next(iter(report.places), None)
    if first is None or first.highest is None:
        return words("forecast.no_level", event=report.event)
    return words("forecast.highest", chance=tenths(first.highest.chance, report.act, words), place=first.name)


def tenths(chance: float | None, act: float, words: Words) -> str:
    """A chance as people say it: 4 in 10; under 3 in 10 where it rounds to another certainty than its own."""
    if chance is None:
        return words("chance.unknown")
    if chance >= SURE:
        return words("chance.nearly")
    if chance < 1 - SURE:
        return words("chance.hardly")
    count = max(1, round(10 * chance))
    same = certainty(count / 10, act) == certainty(chance, act)
    return words(f"chance.{'tenths' if same else 'under' if chance < count / 10 else 'over'}", tenths=count)


def _warning(report: ForecastReport, place: Outlooks, step: Step, words: Words) -> tuple[str, str]:
    head = words(
        "forecast.warning",
        place=place.name,
        month=words.month(step.due),
        certainty=words(f"certainty.{certainty(step.chance, report.act)}"),
        chance=tenths(step.chance, report.act, words),
    )
    return head, _detail(report, step, words)


def _detail(report: ForecastReport, step: Step, words: Words) -> str:
    """What is forecast in numbers, where there are any."""
    if not step.quantiles or step.level is None:
        return ""
    low, _, middle, _, high = map(whole, step.quantiles)
    key = "forecast.detail_below" if report.below else "forecast.detail_above"
    return words(key, middle=middle, low=low, high=high, level=whole(step.level), unit=report.unit)


def _said(report: ForecastReport, place: Outlooks, words: Words) -> str:
    chance = place.highest.chance if place.highest else None
    kind = words(f"certainty.{certainty(chance, report.act)}")
    return words("forecast.caption", certainty=kind, chance=tenths(chance, report.act, words))


def _cells(report: ForecastReport, place: Outlooks, words: Words) -> list[tuple[str, str, bool, bool]]:
    """The exact chance and its words for every month, whether acting pays, and whether the month is ahead."""
    by_due = {step.due: step.chance for step in place.steps}
    cells = []
    for due, ahead in dues(report).items():
        chance = by_due.get(due)
        exact = "" if chance is None else f"{chance:.2f}"
        said = tenths(chance, report.act, words) if due in by_due else NEVER
        cells.append((exact, said, ahead and chance is not None and chance >= report.act, ahead))
    return cells


def _change(change: Change, words: Words) -> str:
    key = "forecast.more_likely" if change.now > change.before else "forecast.less_likely"
    before, now = (f"{each:.2f}" for each in (change.before, change.now))
    return words(key, place=change.name, month=words.month(change.due), before=before, now=now)


def _outcome(report: ForecastReport, words: Words) -> list[str]:
    """How good an earlier forecast was, in sentences; none where nothing of it is on record."""
    checked = report.checked
    if checked is None:
        return []
    said = []
    if checked.known:
        expected = f"{checked.expected:.1f}"
        said.append(words("forecast.came_events", happened=checked.happened, n=checked.known, expected=expected))
    if checked.banded:
        said.append(words("forecast.came_within", within=checked.within, n=checked.banded))
    return [*said, words("forecast.came_on_record", n=checked.n, shown=len(checked.rows))]


def _came(came: Came, unit: str, words: Words) -> tuple[str, str, str, str, bool]:
    """Place and month, the chance, what was forecast, what came, and whether it was an event."""
    band = NEVER
    if came.low is not None and came.middle is not None and came.high is not None:
        low, middle, high = map(whole, (came.low, came.middle, came.high))
        band = words("forecast.came_band", low=low, middle=middle, high=high)
    chance = NEVER if came.chance is None else f"{came.chance:.2f}"
    happened = words({True: "forecast.came_yes", False: "forecast.came_no", None: "certainty.unknown"}[came.happened])
    observed = happened if came.observed is None else f"{whole(came.observed)} {unit}, {happened}"
    return f"{came.name}, {words.month(came.due)}", chance, band, observed, bool(came.happened)
