"""What each country contributed: shares that add up, equal for twins, nothing for nobody, least for noise."""

import csv
from pathlib import Path

import numpy as np
import pytest

from federation.coordinator.state import Contribution, Credit
from federation.errors import ConfigError
from federation.runs.credit.rounds import orders_of
from federation.runs.credit.shapley import Group, shares
from federation.runs.report import credit_lines
from federation.settings.plan import PROTECTION
from federation.settings.schema import Settings
from tests.federation.federations import ready, records_in, run, settings_of
from tests.federation.toy import TOY, ToySettings

pytestmark = pytest.mark.usefixtures("toy")
NOISY, EMPTY, TWIN, OTHER = "VNM", "SGP", "LAO", "KHM"
COUNTRIES = ("IDN", OTHER, TWIN, EMPTY, "THA", NOISY)


@pytest.mark.parametrize("players", [3, 9])
def test_shares_of_a_game_that_is_solved_on_paper(players: int) -> None:
    weights = {chr(65 + k): 1.0 + k % 3 for k in range(players)}
    whole = sum(weights.values())
    made = shares(
        list(weights),
        lambda group: sum(weights[each] for each in group) ** 2,
        orders=400 if players > 4 else 4,
        tolerance=0.0,
        seed=1,
    )
    assert sum(made.shapley.values()) == pytest.approx(whole**2)
    for player, weight in weights.items():
        expected = weight * whole
        assert abs(made.shapley[player] - expected) <= 4 * made.error[player] + 1e-9
        assert made.left_out[player] == pytest.approx(whole**2 - (whole - weight) ** 2)


def test_an_order_is_cut_short_where_the_rest_adds_nothing() -> None:
    tried: set[Group] = set()

    def value(group: Group) -> float:
        tried.add(group)
        return float("A" in group)

    made = shares([*"ABCDEFGHIJ"], value, orders=10, tolerance=0.1, seed=1)
    assert made.shapley["A"] == pytest.approx(1.0)
    assert max(map(len, tried - {frozenset("ABCDEFGHIJ")})) <= 9
    assert len(tried) < 60


@pytest.mark.parametrize(
    ("countries", "rounds", "models"), [(11, 12, 3000), (44, 12, 3000), (50, 4, 700), (6, 30, 3000)]
)
def test_no_more_models_are_scored_than_the_setting_says(countries: int, rounds: int, models: int) -> None:
    tried: set[Group] = set()

    def value(group: Group) -> float:
        tried.add(group)
        return float(len(group))

    orders = orders_of(countries, rounds, models)
    shares([str(each) for each in range(countries)], value, orders=orders, tolerance=0.0, seed=1)
    assert models / rounds / 2 < len(tried) <= models / rounds


def test_a_setting_that_allows_too_few_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"credit=true of 6 countries and 2 rounds scores 36 .*credit_models=30"):
        ready(settings_of(tmp_path, COUNTRIES, credit=True, credit_models=30, rounds=2))


@pytest.mark.parametrize(("end", "said"), [(0.6, "LAO 150 ± 10, THA -50 ± 10"), (0.5, "No credit"), (0.4, "No credit")])
def test_a_model_that_got_no_better_leaves_nothing_to_share_out(end: float, said: str) -> None:
    countries = [
        Contribution(country=c, shapley=s, error=0.01, left_out=0.0) for c, s in (("THA", -0.05), ("LAO", 0.15))
    ]
    made = Credit(start=0.5, end=end, models=4, seconds=1.0, countries=tuple(countries))
    (line,) = credit_lines(made, asked=True)
    assert said in line
    assert "nan" not in line


def credited(folder: Path) -> Credit:
    """Of six countries on one law: two have the same records, one nothing but noise, one none to learn from."""
    data = records_in(folder / "records", COUNTRIES, ToySettings())
    (data / TWIN / TOY.file).write_bytes((data / OTHER / TOY.file).read_bytes())
    noisy = data / NOISY / TOY.file
    rows = list(csv.reader(noisy.read_text().splitlines()))
    draws = np.random.default_rng(3).standard_normal(len(rows)) * 3
    changed = [[*row[:3], repr(float(draw))] for row, draw in zip(rows[1:], draws, strict=False)]
    noisy.write_text("\n".join(",".join(row) for row in [rows[0], *changed]) + "\n")
    empty = data / EMPTY / TOY.file
    empty.write_text("".join(f"{line.rpartition(',')[0]},nan\n" for line in empty.read_text().splitlines()))
    settings = settings_of(folder, COUNTRIES, data=str(data), credit=True, rounds=2)
    simulation = ready(settings)
    made = run(simulation).outcome.credit
    assert "credit=true scores up to 128 models of groups of countries after the last round" in simulation.run.notes[-1]
    assert made is not None
    return made


def by_country(made: Credit) -> dict[str, Contribution]:
    return {each.country: each for each in made.countries}


def test_twins_share_alike_noise_comes_last_and_nobody_gets_nothing(tmp_path: Path) -> None:
    made = credited(tmp_path)
    shares_of = by_country(made)
    assert (shares_of[EMPTY].shapley, shares_of[EMPTY].left_out) == (0, 0)
    assert sum(each.shapley for each in made.countries) == pytest.approx(made.end - made.start, rel=1e-4)
    assert shares_of[TWIN].shapley == pytest.approx(shares_of[OTHER].shapley, rel=1e-3)
    assert min(shares_of, key=lambda country: shares_of[country].shapley) == NOISY
    assert min(shares_of, key=lambda country: shares_of[country].left_out) == NOISY
    assert made.models == 2 * 2**5


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ({"protection": "sealed"}, "protection=sealed hides"),
        ({"strategy": "fedper", "chosen": {"private": ["head.*"]}}, r"set strategy.private=\[\]"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused(rest: dict[str, object], said: str, tmp_path: Path) -> None:
    assert "sealed" in PROTECTION
    settings: Settings = settings_of(tmp_path, credit=True, **rest)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=said):
        settings.check()
