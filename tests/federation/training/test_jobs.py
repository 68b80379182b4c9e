"""Seeds and learning rates: the same for the same names, in whatever process and order."""

from hypothesis import given
from hypothesis import strategies as st

from federation.settings.parts import TrainingSettings
from federation.training.jobs import rate_of, seed_of

ROUNDS = st.integers(2, 200)


@given(parts=st.lists(st.integers() | st.text(alphabet="ABC"), max_size=4))
def test_a_seed_fits_a_signed_64_bit_integer_and_comes_again(parts: list[int | str]) -> None:
    assert 0 <= seed_of(*parts) < 2**63
    assert seed_of(*parts) == seed_of(*parts)


def test_seeds_of_another_run_country_round_or_arm_differ() -> None:
    names = [
        (seed, country, round_, arm)
        for seed in range(5)
        for country in ("THA", "VNM")
        for round_ in range(1, 20)
        for arm in ("federated", "local")
    ]
    assert len({seed_of(*name) for name in names}) == len(names)
    assert seed_of("a", "bc") != seed_of("ab", "c")


@given(lr=st.floats(1e-6, 1), rounds=ROUNDS)
def test_a_cosine_falls_from_the_rate_to_a_twentieth_of_it(lr: float, rounds: int) -> None:
    rates = [rate_of(TrainingSettings(lr=lr, schedule="cosine"), round_, rounds) for round_ in range(1, rounds + 1)]
    assert abs(rates[0] - lr) < 1e-12
    assert abs(rates[-1] - lr / 20) < 1e-12
    assert rates == sorted(rates, reverse=True)


@given(lr=st.floats(1e-6, 1), rounds=ROUNDS)
def test_a_constant_rate_is_constant_and_one_round_has_the_whole_of_it(lr: float, rounds: int) -> None:
    constant = TrainingSettings(lr=lr, schedule="constant")
    assert {rate_of(constant, round_, rounds) for round_ in range(1, rounds + 1)} == {lr}
    assert rate_of(TrainingSettings(lr=lr, schedule="cosine"), 1, 1) == lr
