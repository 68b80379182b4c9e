"""Attacks on records: each succeeds where nothing stops it, so that what it fails against can be believed."""

from statistics import mean
from unittest.mock import patch

import numpy as np
import pytest

from federation.seals.fixed_point import Codec
from tests.federation.attacks import gradient_canary
from tests.federation.attacks.canary_frames import canaries
from tests.federation.attacks.differencing import CHANGED, RUNS, SAME, STILL, WHOLE, lists, restored, runs
from tests.federation.attacks.figures import Figure, table
from tests.federation.attacks.gradient_canary import clipped, plan_of, proved
from tests.federation.attacks.honest_lengths import TRAINING, lengths
from tests.federation.attacks.imprint import LAST, LEFT, READ, at_once, from_coordinator, hidden
from tests.federation.attacks.inversion import inversion
from tests.federation.attacks.membership import AGAINST, Halved, of_updates, trained
from tests.federation.attacks.sealed_poison import poison
from tests.federation.vault.trap import Trap
from tests.whole import IN_FULL


def value(figures: list[Figure], measure: str, under: str) -> float:
    return mean(each.value for each in figures if (each.measure, each.under) == (measure, under))


def notes(figures: list[Figure], under: str) -> str:
    return " | ".join(each.note for each in figures if each.under == under)


def test_a_coordinator_brings_no_trap_into_a_sealed_run() -> None:
    figures = list(from_coordinator(1))
    assert value(figures, READ, "open") > 0.2
    assert value(figures, READ, "open, differential privacy, epsilon 8") == 0
    assert value(figures, READ, "guarded") == value(figures, READ, "sealed") == 0
    assert "refuses the first weights" in notes(figures, "guarded")
    for why in ("is sealed", "is not the one it signed", "not signed by the key on the roster"):
        assert why in notes(figures, "sealed")


@pytest.mark.skipif(not IN_FULL, reason="the bench prints them: scripts/prove ends")
def test_all_others_leave_a_run_in_which_a_country_hides_a_trap() -> None:
    figures = list(hidden(1, "at once", at_once, Trap(), rounds=2))
    assert value(figures, LEFT, "sealed") == 7
    assert value(figures, LAST, "sealed") == 1
    assert "the mean update of round 1 has a length" in notes(figures, "sealed")


def test_two_runs_from_one_model_would_tell_all_of_a_country_and_the_second_is_refused() -> None:
    figures = list(runs(1))
    assert value(figures, RUNS, "sealed, repeat_start = true") > 0.999
    assert "refuses a second run" in notes(figures, "sealed")


@pytest.mark.skipif(not IN_FULL, reason="the bench prints them: scripts/prove ends")
def test_a_restored_vault_tells_nothing() -> None:
    figures = list(restored(1))
    assert value(figures, SAME, "sealed") == 0
    assert value(figures, CHANGED, "sealed, not compared") > 0.999
    assert "changed since the run began" in notes(figures, "sealed")


def test_words_of_any_kind_move_no_weight_of_the_mean_beyond_the_bound() -> None:
    codec = Codec(values=3, scores=0, total=300, bound=1.0)
    mean_update = codec.mean(np.array([2**31 - 1, 2**31, 7], np.uint32), 300)
    assert np.abs(mean_update).max() == pytest.approx(1.0, abs=1e-6)


def test_a_canary_in_a_gradient_proves_something_and_less_than_is_charged() -> None:
    """Noise from a seed, for one outcome. A canary four times as long proves more than epsilon."""
    plan, random = plan_of(2.0), np.random.default_rng(1).bytes
    assert 0.3 < proved(plan, trials=20_000, random=random) < 2
    assert proved(plan, noise=False, trials=2_000) > 4
    with patch.object(gradient_canary, "clipped", lambda each: 4 * clipped(each)):
        assert proved(plan, trials=20_000, random=random) > 2


@pytest.mark.long
@pytest.mark.skipif(not IN_FULL, reason="the bench prints them: scripts/prove ends")
def test_the_other_attacks_find_less_in_sums_than_in_single_updates() -> None:
    recorder = Halved()
    seen = list(of_updates(recorder, *trained(1, recorder)))
    assert value(seen, "single updates: AUC", "open") > value(seen, "sums of updates: AUC", "sealed") + 0.05
    assert value(seen, f"{AGAINST}: AUC", "open") > 0.7
    read = list(inversion(1))
    assert value(read, "rows read, of 1, batch of 1", "open") > 0.9
    assert value(read, "rows read, of 1, batch of 1", "sealed, were the plan allowed") == 0
    still = [each for each in lists(1) if each.attack == STILL]
    assert value(still, f"{WHOLE}, mean", "sealed, without groups") > 0.99
    assert value(still, f"{WHOLE}, mean", "sealed") < 0.9
    found = list(canaries(1))
    assert [each.value > 0 for each in found] == [False, False, False, True]


@pytest.mark.skipif(not IN_FULL, reason="the bench prints them: scripts/prove ends")
@pytest.mark.long
@pytest.mark.parametrize("optimizer", TRAINING if IN_FULL else ["adamw"])
def test_no_honest_country_leaves_a_run(optimizer: str) -> None:
    _, shares = lengths(1, TRAINING[optimizer], None)
    assert max(shares) < 0.5


@pytest.mark.skipif(not IN_FULL, reason="the bench prints it: scripts/prove ends")
@pytest.mark.long
def test_poison_that_is_long_ends_a_sealed_run() -> None:
    figures = list(poison(1, ["scaled x9", "flip x1"]))
    rows = {(row["attack"], row["measure"]): row["mean"] for row in table(figures)}
    assert rows["poison: scaled x9", "countries that leave, of 7"] == 7
    assert rows["poison: flip x1", "rounds closed, of 6"] == 6
