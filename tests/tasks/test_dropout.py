"""A dropout mask is a function of (seed, layer, position) and of nothing else."""

from math import sqrt

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import vmap

from tasks.models.dropout import dropout, uniform_bits

SEEDS = st.integers(0, 2**63 - 1)
CPU = torch.device("cpu")


def mask(seed: int, layer: int = 0, count: int = 20_000, share: float = 0.5) -> Tensor:
    return dropout(torch.ones(count), share, torch.tensor(seed), layer) != 0


@given(SEEDS, st.integers(0, 7), st.floats(0.05, 0.9))
def test_the_share_of_values_kept_is_right(seed: int, layer: int, share: float) -> None:
    count = 20_000
    kept = mask(seed, layer, count, share).float().mean().item()
    assert kept == pytest.approx(1 - share, abs=6 * sqrt(share * (1 - share) / count))


@given(SEEDS)
def test_all_thirty_two_bits_are_fair(seed: int) -> None:
    bits = uniform_bits(20_000, torch.tensor(seed), 0, CPU)
    assert bits.min() >= 0
    assert bits.max() < 2**32
    ones = ((bits[:, None] >> torch.arange(32)) & 1).float().mean(dim=0)
    assert (ones - 0.5).abs().max().item() < 6 * 0.5 / sqrt(20_000)


@given(SEEDS, st.integers(0, 62))
def test_one_bit_of_the_seed_changes_half_the_mask(seed: int, bit: int) -> None:
    agree = (mask(seed) == mask(seed ^ (1 << bit))).float().mean().item()
    assert agree == pytest.approx(0.5, abs=6 * 0.5 / sqrt(20_000))


@given(SEEDS)
def test_layers_and_neighbours_are_independent(seed: int) -> None:
    one = mask(seed, 0)
    for other in (mask(seed, 1), one.roll(1), one.roll(64), one.roll(128)):
        assert (one == other).float().mean().item() == pytest.approx(0.5, abs=6 * 0.5 / sqrt(20_000))


@given(SEEDS, st.floats(0.05, 0.9))
def test_kept_values_are_scaled_so_that_the_mean_stays(seed: int, share: float) -> None:
    values = torch.arange(1.0, 101)
    dropped = dropout(values, share, torch.tensor(seed), 0)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], values[kept] / (1 - share))


def test_without_a_seed_or_a_share_nothing_happens() -> None:
    values = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    assert dropout(values, 0.5, None, 0) is values
    assert dropout(values, 0.0, torch.tensor(1), 0) is values


def test_a_mask_is_the_same_alone_and_in_a_chunk() -> None:
    seeds = torch.tensor([3, 2**62 + 5, 11])
    values = torch.ones(3, 16, 8)
    together = vmap(lambda one, seed: dropout(one, 0.3, seed, 2))(values, seeds)
    for one, seed, expected in zip(values, seeds, together, strict=True):
        assert torch.equal(dropout(one, 0.3, seed, 2), expected)
    pair = vmap(lambda one, seed: dropout(one, 0.3, seed, 2))(values[1:], seeds[1:])
    assert torch.equal(pair, together[1:])


def test_a_shorter_batch_has_the_first_rows_of_the_mask() -> None:
    whole, part = (dropout(torch.ones(rows, 8), 0.3, torch.tensor(9), 0) for rows in (64, 10))
    assert torch.equal(whole[:10], part)


def test_masks_leave_the_global_generator_alone_and_do_not_depend_on_it() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = mask(5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(mask(5), first)


def test_the_first_hashes_are_known() -> None:
    """The masks of a run must be the same on every machine: Python's unbounded integers say what they are."""

    def mix(bits: int) -> int:
        for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
            bits = (bits ^ (bits >> shift)) * factor % 2**32
        return bits ^ (bits >> 15)

    seed, layer = 2**62 + 12345, 3
    key = mix(mix((seed % 2**32) ^ 0x9E3779B9) ^ layer)
    expected = [mix(mix(index ^ key) ^ mix(seed >> 32)) for index in range(100)]
    assert uniform_bits(100, torch.tensor(seed), layer, CPU).tolist() == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: nothing to compare the processor with")
def test_masks_are_the_same_on_a_cuda_device() -> None:
    seed = torch.tensor(2**61 + 7)
    there = uniform_bits(100_000, seed.cuda(), 1, torch.device("cuda")).cpu()
    assert torch.equal(there, uniform_bits(100_000, seed, 1, CPU))
