"""Who is sampled depends on seed, round and names alone."""

from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from federation.coordinator.sampling import sampled_clients

NAMES = st.lists(st.text("ABCDEFG", min_size=3, max_size=3), min_size=1, max_size=11, unique=True)
SHARE = st.floats(0.01, 1)


@settings(max_examples=40)
@given(names=NAMES, round_=st.integers(1, 50), seed=st.integers(0, 9), share=SHARE, there=SHARE)
def test_the_same_whatever_order_they_are_given_in(
    names: list[str], round_: int, seed: int, share: float, there: float
) -> None:
    sampled = sampled_clients(names, round_=round_, seed=seed, participation=share, availability=there)
    assert sampled == sampled_clients(names[::-1], round_=round_, seed=seed, participation=share, availability=there)
    assert sampled == sorted(sampled)
    assert set(sampled) <= set(names)


@given(names=NAMES, round_=st.integers(1, 50), share=SHARE)
def test_a_share_is_rounded_up(names: list[str], round_: int, share: float) -> None:
    sampled = sampled_clients(names, round_=round_, seed=1, participation=share, availability=1.0)
    assert len(sampled) == max(1, ceil(share * len(names)))


def test_all_are_sampled_and_there_by_default() -> None:
    assert sampled_clients(["VNM", "THA"], round_=1, seed=1, participation=1.0, availability=1.0) == ["THA", "VNM"]


def test_over_many_rounds_everybody_has_a_turn_and_the_share_holds() -> None:
    names = [f"C{number:02}" for number in range(20)]
    turns = [
        name
        for round_ in range(1, 301)
        for name in sampled_clients(names, round_=round_, seed=1, participation=0.5, availability=0.8)
    ]
    counts = [turns.count(name) for name in names]
    # Binomial: 300 x 0.4 = 120 with a standard deviation of 8.5, so five of them are 42.
    assert min(counts) > 78
    assert max(counts) < 162
