"""How long a mean update may be: honest runs of unlike countries stay within it, a model hidden in a frame does not."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from federation.errors import PolicyRefusal
from federation.privacy.mechanism import noise_length
from federation.seals.fixed_point import whole_weights
from federation.settings.parts import TrainingSettings
from federation.settings.plan import Plan
from federation.strategies.fedavg import FedAvgSettings
from federation.vault.sealed.bounds import LONGEST_CHANGE, check_change, mean_noise, pace
from tasks.health.settings import HealthSettings

# National dengue files: training windows as announced, and |mean update| / |own update| in the first round with sgd.
COUNTRIES = {"KHM": 2048, "LAO": 2048, "MYS": 2048, "PHL": 8192, "SGP": 256, "THA": 16384, "VNM": 8192}
MEASURED = {"MYS": 2.55, "SGP": 14.04}


def run_of(examples: dict[str, int], **training: Any) -> Any:
    """As much of a sealed run as is looked at. examples: 0 of a country that trains nothing."""
    learning = [each for each, count in examples.items() if count]
    whole = whole_weights([examples[each] for each in learning], 2.0)
    plan = Plan(task=HealthSettings(), strategy=FedAvgSettings(), training=TrainingSettings(**training))
    return SimpleNamespace(
        plan=plan,
        claims={each: SimpleNamespace(examples=count) for each, count in examples.items()},
        weights=dict.fromkeys(examples, 0) | dict(zip(learning, whole, strict=True)),
        setup=SimpleNamespace(terms=SimpleNamespace(run="run")),
    )


def test_a_country_of_few_records_follows_what_honest_others_do() -> None:
    run = run_of(COUNTRIES)
    for country, ratio in MEASURED.items():
        check_change(run, country, 1, own=1.0, change=ratio)
    assert pace(run, "SGP") > 5
    assert pace(run, "THA") == 1


def test_no_country_follows_a_longer_one() -> None:
    run = run_of(COUNTRIES)
    for country in COUNTRIES:
        most = LONGEST_CHANGE * pace(run, country) * 0.5
        check_change(run, country, 1, own=0.5, change=0.99 * most)
        with pytest.raises(PolicyRefusal, match=f"{country} leaves run run: the mean update of round 1"):
            check_change(run, country, 1, own=0.5, change=1.01 * most)


def test_the_length_of_a_country_s_own_update_stays_there(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(PolicyRefusal) as told:
        check_change(run_of(COUNTRIES), "THA", 1, own=0.1234, change=9.0)
    numbers = ("0.123", f"{LONGEST_CHANGE * 0.1234:.3g}")
    assert not any(number in str(told.value) for number in numbers)
    assert all(number in caplog.text for number in numbers)


def test_who_announces_many_examples_gains_nothing() -> None:
    modest, boastful = (pace(run_of(COUNTRIES | {"VNM": claim}), "SGP") for claim in (8192, 2**31))
    assert boastful <= 1.01 * modest


def test_the_same_steps_for_all_are_one_pace() -> None:
    run = run_of(COUNTRIES | {"BRN": 0}, epochs=None, steps=20)
    assert {pace(run, country) for country in COUNTRIES} == {1.0}


def test_the_noise_of_small_countries_sends_no_large_one_away() -> None:
    """Of 77 places the noise is small, and the mean has that of countries with one place in it."""
    places, rng = {"LAO": 1, "SGP": 1, "THA": 77}, np.random.default_rng(1)
    run = run_of(places, optimizer="sgd")
    run.plan = replace(run.plan, protection="sealed+differential_privacy")
    sigma = noise_length(run.plan, 1, 1, 1)
    drawn = {each: sigma / count * rng.standard_normal(10_000) for each, count in places.items()}
    mean = sum(run.weights[each] * noise for each, noise in drawn.items()) / sum(run.weights.values())
    own, change = (float(np.linalg.norm(each)) for each in (drawn["THA"], mean))
    assert mean_noise(run, 1, 10_000) == pytest.approx(change, rel=0.03)
    assert pace(run, "THA") == 1
    with pytest.raises(PolicyRefusal):
        check_change(run, "THA", 1, own=own, change=change)
    check_change(run, "THA", 1, own=max(own, mean_noise(run, 1, 10_000)), change=change)
