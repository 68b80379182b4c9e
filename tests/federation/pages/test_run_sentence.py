"""The first sentence of a run's page, over what can come out of a run."""

import pytest

from federation.pages.run_report import RunReport
from federation.pages.run_sentence import further, sentence
from federation.pages.words import read_words
from tests.federation.pages.reports import CLEAR, UNCLEAR, UNKNOWN, place, report, usual

EN = read_words()
REGION = "Trained together, the region's forecast was"


def both(*, ends: tuple[float | None, float | None], gain: float) -> RunReport:
    return report(place("ASEAN", gain, ends), place("THA", gain, ends), place("VNM", gain, ends))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (both(gain=7.5, ends=CLEAR), f"{REGION} 7.5 % better than the countries' own models, and that is clear."),
        (both(gain=7.5, ends=UNCLEAR), f"{REGION} 7.5 % better than the countries' own models, which may be chance."),
        (
            both(gain=-30.0, ends=UNCLEAR),
            f"{REGION} 30.0 % worse than the countries' own models, and that is clear.",
        ),
        (both(gain=-3.0, ends=UNCLEAR), f"{REGION} 3.0 % worse than the countries' own models, which may be chance."),
        (  # deployed: nobody has the records of all, and so nobody the interval of their difference
            report(place("ASEAN", 7.5, UNKNOWN), place("THA", 5.0, CLEAR)),
            f"{REGION} 7.5 % better than the countries' own models; "
            "how sure that is cannot be known for the region as a whole.",
        ),
        (
            report(place("ASEAN"), place("THA", state="withheld"), place("TLS", state="no_records")),
            "No score of this run may be shown: every country withholds its own, which rests on too few records.",
        ),
        (
            report(place("ASEAN"), place("THA", state="refused"), place("VNM", state="refused")),
            "This run has no score: every country refused the test.",
        ),
        (
            report(place("ASEAN"), place("THA", state="refused"), place("VNM", state="withheld")),
            "This run has no score, so nobody can say whether training together helped.",
        ),
        (
            report(place("ASEAN"), place("THA", 5.0, CLEAR), place("VNM", -1.0)),
            "Trained together, the forecast was better in 1 of 2 countries; the region as a whole has no score.",
        ),
        (
            report(place("ASEAN", state="scored", together=0.279), place("THA"), protection="differential_privacy"),
            "The region's forecast scored log_wis 0.279; the countries' own models were not compared with it.",
        ),
    ],
    ids=[
        *("wins", "unclear", "loses", "loses-unclear", "deployed", "withheld", "refused", "none-scored"),
        *("no-region", "no-own-model"),
    ],
)
def test_the_first_sentence_says_what_came_out_and_how_sure_it_is(made: RunReport, words: str) -> None:
    assert sentence(made, EN).replace("\u00a0", " ") == words


def test_no_records_withheld_and_refused_are_three_things() -> None:
    assert [each.replace("\u00a0", " ") for each in further(usual(), EN)] == [
        "Better in 2 of 4 countries scored, clearly in 1 (Cambodia). Clearly worse in Laos.",
        "No simple forecast was as good: the best (usual year) scored 0.354, against 0.278.",
        "Singapore: withheld, for the scores rest on too few records.",
        "Myanmar: refused the test.",
        "Timor-Leste: no records, and so no part in the run.",
    ]


def test_a_sealed_run_says_that_countries_scores_stay_at_home() -> None:
    sealed = report(place("ASEAN", 5.0, UNKNOWN), place("THA", state="sealed"), protection="sealed")
    assert further(sealed, EN)[0] == "The scores of single countries are sealed: each country knows its own."


@pytest.mark.parametrize(("better", "simple"), [("smaller", 0.2), ("larger", 0.4)])
def test_a_simple_forecast_that_is_as_good_is_named(better: str, simple: float) -> None:
    made = both(gain=5.0, ends=CLEAR)
    arms = [made.arms[2].__class__(arm="climatology", value=simple, low=None, high=None)]
    [*_, last] = further(report(made.whole, better=better, arms=arms), EN)
    assert last == f"A simple forecast (usual year) was as good or better: {simple:.3f} against 0.285."


def test_a_refit_has_nothing_to_be_scored_on_and_names_its_trial() -> None:
    made = report(place("ASEAN"), place("THA"), fold="june-fold", first="2024-06", last="2024-06")
    assert sentence(made, EN) == (
        "This model has learnt from all records until June 2024, so nothing is left to score it on; "
        "how good such a model is, its trial says: run june-fold."
    )
    assert further(made, EN) == []
