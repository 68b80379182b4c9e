"""What came out of a run and how sure it is: the sentence at the top of its page, and those under it."""

from collections.abc import Iterator, Sequence

from federation.pages.numbers import by, score
from federation.pages.run_report import (
    NO_RECORDS,
    NOT_SCORED,
    REFUSED,
    SCORED,
    SEALED,
    WITHHELD,
    Gain,
    Place,
    RunReport,
    in_state,
    scored,
)
from federation.pages.words import Words
from federation.settings.plan import NOISED, PROTECTION


def sentence(report: RunReport, words: Words) -> str:
    """One sentence for who reads no other."""
    if report.fold:
        return words("sentence.refit", last=words.month(report.last), fold=report.fold)
    whole = report.whole.gain
    if whole is not None:
        direction = "better" if whole.value >= 0 else "worse"
        return words(f"sentence.{direction}_{_sureness(whole)}", by=by(words, whole.value, report.unit))
    if report.whole.together is not None:
        return words("sentence.alone", score=f"{report.score} {score(report.whole.together)}")
    gained = scored(report)
    if gained:
        better = sum(place.gain is not None and place.gain.value > 0 for place in gained)
        return words("sentence.by_country", better=better, scored=len(gained))
    took_part = [place for place in report.countries if place.state != NO_RECORDS]
    for state in (WITHHELD, REFUSED):
        if took_part and all(place.state == state for place in took_part):
            return words(f"sentence.{state}")
    return words("sentence.none_scored")


def further(report: RunReport, words: Words) -> list[str]:
    """In how many countries, where a simple forecast is as good, and why a country has no score."""
    if report.fold:
        return []
    return [*_counts(report, words), *_protected(report, words), *_simple(report, words), *_others(report, words)]


def names(words: Words, codes: Sequence[str]) -> str:
    """Names of countries, in one list."""
    return words.listed([words.name("countries", code) for code in codes])


def _sureness(gain: Gain) -> str:
    if gain.low is None or gain.high is None:
        return "unknown"
    return "clear" if gain.clear else "unclear"


def _counts(report: RunReport, words: Words) -> Iterator[str]:
    gains = [(place.code, place.gain) for place in scored(report) if place.gain is not None]
    if not gains:
        return
    better = [code for code, gain in gains if gain.clear and gain.value > 0]
    worse = [code for code, gain in gains if gain.clear and gain.value < 0]
    yield words(
        "sentence.counted",
        better=sum(gain.value > 0 for _, gain in gains),
        scored=len(gains),
        clear=f"{len(better)} ({names(words, better)})" if better else words("none"),
        worse=names(words, worse),
    )


def _protected(report: RunReport, words: Words) -> Iterator[str]:
    if any(place.state == SEALED for place in report.countries):
        yield words("sentence.sealed")
    if NOISED in PROTECTION.get(report.protection, ()):
        yield words("sentence.noised")


def _simple(report: RunReport, words: Words) -> Iterator[str]:
    """Whether a simple forecast is as good as the model: arms come with the best first."""
    best = next((arm for arm in report.arms if arm.arm in report.baselines), None)
    own = report.whole.together
    if best is None or own is None:
        return
    as_good = best.value <= own if report.better == "smaller" else best.value >= own
    key, arm = "better" if as_good else "worse", words.name("arms", best.arm)
    yield words(f"sentence.simple_{key}", arm=arm, simple=score(best.value), together=score(own))


def _others(report: RunReport, words: Words) -> Iterator[str]:
    said = {WITHHELD: "withholds", REFUSED: "refuses", NO_RECORDS: "no_records", NOT_SCORED: "not_scored"}
    for state, key in said.items():
        if codes := in_state(report.countries, state):
            yield words(f"sentence.{key}", countries=names(words, codes))


def sure(place: Place) -> str:
    """The key of a word: whether the difference of a country is more than chance."""
    if place.gain is None:
        return ""
    kind = _sureness(place.gain)
    return ("better" if place.gain.value > 0 else "worse") if kind == "clear" else kind


__all__ = ["SCORED", "further", "names", "sentence", "sure"]
