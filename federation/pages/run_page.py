"""The page of a run, made of its report alone: where it helped, how surely, what left each country."""

from pathlib import Path

from federation.pages import figures, numbers, run_report
from federation.pages.render import render
from federation.pages.run_facts import report_of
from federation.pages.run_report import Place, RunReport
from federation.pages.run_sentence import further, sentence, sure
from federation.pages.tiles import legend, tiles
from federation.pages.words import Words, read_words
from federation.settings.plan import NOISED, PROTECTION
from tasks.files.atomic import write_atomically

PAGE = "report.html"


def write(folder: Path, words: Words | None = None) -> tuple[Path, Path]:
    """Write report.json and its page into the folder of a finished run.

    Raises DataError without a table of results, OSError, or TrackingError for damaged records.
    """
    report, facts, drawn = report_of(folder), folder / run_report.FILE, folder / PAGE
    write_atomically(facts, run_report.text(report).encode())
    write_atomically(drawn, page(report, words or read_words()).encode())
    return facts, drawn


def page(report: RunReport, words: Words) -> str:
    """As HTML."""
    return render(
        "run.html",
        report=report,
        words=words,
        numbers=numbers,
        sentence=sentence(report, words),
        further=further(report, words),
        tiles=tiles(report, words),
        legend_of_tiles=legend(report, words),
        ranked=sorted(report.countries, key=_rank),
        contributed=sorted(
            (place for place in report.countries if place.contributed is not None),
            key=lambda place: -place.contributed.share if place.contributed else 0.0,
        ),
        allotted=[
            f"{words.name('countries', place.code)} {numbers.small(place.energy_wh)} Wh"
            for place in report.countries
            if place.energy_wh is not None
        ],
        sure=sure,
        arms=figures.arms(report, words) if report.arms else "",
        learning=figures.learning(report, words) if report.learning else "",
        learning_key=figures.key(report.learning, words),
        reliability=figures.reliability(report, words) if report.reliability else "",
        reliability_key=figures.key(report.reliability, words),
        left=_left(report, words),
        refused=_refused(report, words),
        noised=NOISED in PROTECTION.get(report.protection, ()),
    )


def _rank(place: Place) -> tuple[bool, float]:
    """The largest gain first, then those without one."""
    return (True, 0.0) if place.gain is None else (False, -place.gain.value)


def _left(report: RunReport, words: Words) -> str:
    """What left the countries, in one sentence."""
    senders = [place for place in report.countries if place.sent]
    total = numbers.size(words, sum(place.sent for place in senders))
    rounds = max((place.rounds + len(place.refused) for place in senders), default=0)
    if not report.weights:
        return words("run.left_text_unknown", sent=total, rounds=rounds, senders=len(senders))
    weights = f"{report.weights:,}"
    return words("run.left_text", weights=weights, sent=total, rounds=rounds, senders=len(senders))


def _refused(report: RunReport, words: Words) -> str:
    """Who did not count in which rounds."""
    refused = [
        words(
            "run.refused_round",
            country=words.name("countries", place.code),
            rounds=", ".join(map(str, place.refused)),
        )
        for place in report.countries
        if place.refused
    ]
    return words("run.refused_some", refused="; ".join(refused)) if refused else words("run.refused_none")
