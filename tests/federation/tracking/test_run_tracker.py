"""What a country gained by federating, of scores whose larger and whose smaller values are better."""

from math import nan

import pytest

from federation.reporting.rows import ALL, Better, Row
from federation.tracking.run_tracker import gains


def row(country: str, arm: str, value: float, score: str = "skill", horizon: str = ALL) -> Row:
    return Row(task="t", country=country, arm=arm, score=score, horizon=horizon, value=value, low=nan, high=nan, n=9)


@pytest.mark.parametrize(("better", "gained"), [("larger", 0.1), ("smaller", -0.1)])
def test_a_gain_is_above_zero_where_federating_helped(better: Better, gained: float) -> None:
    rows = [
        *(row("THA", "federated", 0.3), row("THA", "local", 0.2), row("THA", "adapted", 0.9)),
        *(row("ASEAN", "federated", 0.5), row("ASEAN", "local", 0.4)),
        *(row("SGP", "federated", nan), row("SGP", "local", 0.4)),
        row("TLS", "federated", 0.5),  # has no model of its own
        *(row("THA", "federated", 9, score="other"), row("THA", "local", 9, horizon="1 month")),
    ]
    assert gains(rows, "skill", better) == {"THA": pytest.approx(gained), "ASEAN": pytest.approx(gained)}
