"""The page of a run in one country, made of its report alone; it is the country's own, and nobody sends it anywhere."""

from federation.pages import numbers
from federation.pages.home_report import HomeReport
from federation.pages.numbers import by
from federation.pages.render import render
from federation.pages.run_sentence import further, sentence
from federation.pages.tiles import legend, tiles
from federation.pages.words import NEVER, Words


def page(report: HomeReport, words: Words) -> str:
    """As HTML."""
    region = report.region
    return render(
        "home.html",
        report=report,
        words=words,
        numbers=numbers,
        sentence=own_sentence(report, words),
        table=_table(report, words),
        region_said=[] if region is None else [sentence(region, words), *further(region, words)],
        tiles="" if region is None else tiles(region, words),
        legend_of_tiles=[] if region is None else legend(region, words),
    )


def own_sentence(report: HomeReport, words: Words) -> str:
    """What came out in this country, and how sure it is."""
    gain, country = report.gain, words.name("countries", report.country)
    if gain is None:
        return words("home.unknown", country=country)
    direction = "better" if gain.value >= 0 else "worse"
    sure = "unknown" if gain.low is None else "clear" if gain.clear else "unclear"
    return words(f"home.{direction}_{sure}", country=country, by=by(words, gain.value, report.unit))


def _table(report: HomeReport, words: Words) -> list[tuple[str, list[tuple[str, str]], int]]:
    """Score, every arm's value with its interval, and how many place-periods it rests on."""
    rows = []
    for name in dict.fromkeys(each.score for each in report.scores):
        own = {each.arm: each for each in report.scores if each.score == name}
        cells = []
        for arm in report.arms:
            each = own.get(arm)
            ends = "" if each is None or each.low is None else f"{numbers.score(each.low)} – {numbers.score(each.high)}"
            cells.append((NEVER if each is None else numbers.score(each.value), ends))
        rows.append((words.name("scores", name), cells, max(each.n for each in own.values())))
    return rows
