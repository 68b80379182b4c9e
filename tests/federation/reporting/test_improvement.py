"""How much better one arm is than another, of scores whose larger and whose smaller values are better, and in words."""

from math import isnan, nan

import pytest

from federation.reporting.improvement import Improvement, improvements, note
from federation.reporting.rows import ALL, PAIRED, Better, Row


def row(country: str, arm: str, value: float, score: str = "skill", horizon: str = ALL) -> Row:
    return Row(task="t", country=country, arm=arm, score=score, horizon=horizon, value=value, low=nan, high=nan, n=9)


ROWS = [
    *(row("THA", "federated", 0.3), row("THA", "local", 0.2), row("THA", "adapted", 0.9)),
    *(row("ASEAN", "federated", 0.5), row("ASEAN", "local", 0.4)),
    *(row("SGP", "federated", nan), row("SGP", "local", 0.4)),
    *(row("LAO", "federated", 0.5), row("LAO", "local", 0.0)),  # no share of nothing
    row("TLS", "federated", 0.5),  # has no model of its own
    *(row("THA", "federated", 9, score="other"), row("THA", "local", 9, horizon="1 month")),
]


@pytest.mark.parametrize(
    ("better", "gained"),
    [("larger", {"THA": 10, "ASEAN": 10, "LAO": 50}), ("smaller", {"THA": -50, "ASEAN": -25}), ("nominal", {})],
)
def test_an_improvement_is_above_zero_where_federating_helped(better: Better, gained: dict[str, float]) -> None:
    values = {place: each.value for place, each in improvements(ROWS, "skill", better).items()}
    assert values == pytest.approx(gained)


@pytest.mark.parametrize(("better", "low", "high"), [("larger", 2, 18), ("smaller", -90, -10)])
def test_its_interval_is_that_of_the_difference_the_same_way_round(better: Better, low: float, high: float) -> None:
    gap = Row(
        task="t", country="THA", arm="federated-local", score="skill", horizon=ALL,
        value=0.1, low=0.02, high=0.18, n=9, part=PAIRED,
    )  # fmt: skip
    gained = improvements(ROWS, "skill", better, [gap])
    assert (gained["THA"].low, gained["THA"].high) == pytest.approx((low, high))
    assert gained["THA"].clear
    assert isnan(gained["ASEAN"].low)
    assert not gained["ASEAN"].known


@pytest.mark.parametrize(
    ("gained", "words"),
    [
        ({}, "Not compared with the countries' own models"),
        ({"ASEAN": Improvement(value=3.14)}, "Together 3.1 % better"),
        ({"ASEAN": Improvement(value=-3.14, low=-5, high=-1)}, "Together 3.1 % worse (clear)"),
        (
            {
                "ASEAN": Improvement(value=7.46, low=-5, high=9),
                "THA": Improvement(value=-1),
                "VNM": Improvement(value=1),
            },
            "Together 7.5 % better (unclear), 1 of 2 countries",
        ),
    ],
)
def test_a_note_says_the_main_thing_first(gained: dict[str, Improvement], words: str) -> None:
    assert note(gained, "smaller") == words
    assert len(words) <= 50
