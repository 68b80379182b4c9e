"""The page of a comparison, made of its report alone: which run is best, for whom, and what differs."""

from federation.pages import numbers
from federation.pages.comparison_report import Cell, ComparisonReport, Line, Ranked
from federation.pages.render import render
from federation.pages.words import NEVER, Words
from federation.reporting.score_table import is_region


def page(report: ComparisonReport, words: Words) -> str:
    """As HTML."""
    groups = [(group, _sentences(group, words), _rows(group, words)) for group in report.groups]
    return render("comparison.html", report=report, words=words, groups=groups, name=_name)


def _sentences(group: Ranked, words: Words) -> list[str]:
    """Which run is best in the region, and in how many countries each is."""
    region = next((line for line in group.lines if is_region(line.place)), None)
    first = [words("compare.no_region")] if region is None else [_of_region(region, words)]
    own = [line for line in group.lines if not is_region(line.place)]
    wins = {run: [line.place for line in own if _best(line) == run] for run in group.runs}
    clear = {run: sum(cell.run == run and cell.clear for line in own for cell in line.cells) for run in group.runs}
    said = [
        words(
            "compare.wins",
            run=run,
            count=len(codes),
            all=len(own),
            countries=_names(codes, words),
            clear=clear[run] or words("none"),
        )
        for run, codes in sorted(wins.items(), key=lambda item: -len(item[1]))
        if codes
    ]
    return [*first, *said]


def _of_region(line: Line, words: Words) -> str:
    if not line.ranked:
        return words("compare.unranked")
    best = next((cell for cell in line.cells if cell.best), None)
    if best is None:
        return words("compare.nobody")
    return words(f"compare.{'clear' if best.clear else 'unclear'}", run=best.run, score=numbers.score(best.value))


def _best(line: Line) -> str | None:
    return next((cell.run for cell in line.cells if cell.best), None)


def _names(codes: list[str], words: Words) -> str:
    return words.listed([words.name("countries", code) for code in codes])


def _name(place: str, words: Words) -> str:
    return words("column.region") if is_region(place) else words.name("countries", place)


def _rows(group: Ranked, words: Words) -> list[tuple[Line, list[tuple[str, str, bool]]]]:
    """A line a place: the score of each run and what it gained, and whether it is the best."""
    rows = []
    for line in group.lines:
        cells = {cell.run: cell for cell in line.cells}
        rows.append((line, [_said(cells.get(run), words) for run in group.runs]))
    return rows


def _said(cell: Cell | None, words: Words) -> tuple[str, str, bool]:
    if cell is None or cell.value is None:
        return NEVER, "", False
    parts = []
    if cell.low is not None and cell.high is not None:
        parts.append(words("run.interval", low=numbers.score(cell.low), high=numbers.score(cell.high)))
    if cell.gained is not None:
        parts.append(words("compare.gained", gained=numbers.signed(cell.gained, 3)))
    star = "*" if cell.clear else ""
    return f"{numbers.score(cell.value)}{star}", "; ".join(parts), cell.best
