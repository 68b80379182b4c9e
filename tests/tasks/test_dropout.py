"""A dropout mask is a function of (seed, layer, position) and of nothing else."""

from math import sqrt

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import vmap

from tasks.models.dropout import ROWS, WIDTH, dropout, piece, random_numbers, table

SEEDS = st.integers(0, 2**63 - 1)
CPU = torch.device("cpu")
SHAPE = (160, 128)
COUNT = 160 * 128
LIMIT = 6 * 0.5 / sqrt(COUNT)  # six standard deviations of the share of COUNT fair coins


def mask(seed: int, layer: int = 0, share: float = 0.5, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return dropout(torch.ones(shape), share, seed, layer) != 0


def agreement(one: Tensor, other: Tensor) -> float:
    return (one == other).float().mean().item()


@given(SEEDS, st.integers(0, 7), st.floats(0.05, 0.9))
def test_the_share_of_values_kept_is_right(seed: int, layer: int, share: float) -> None:
    kept = mask(seed, layer, share).float().mean().item()
    assert kept == pytest.approx(1 - share, abs=6 * sqrt(share * (1 - share) / COUNT))


@given(SEEDS, st.integers(0, 62))
def test_one_bit_of_the_seed_changes_half_the_mask(seed: int, bit: int) -> None:
    assert agreement(mask(seed), mask(seed ^ (1 << bit))) == pytest.approx(0.5, abs=LIMIT)


@given(SEEDS)
def test_layers_rows_and_neighbours_are_independent(seed: int) -> None:
    one = mask(seed, 0)
    for other in (mask(seed, 1), one.roll(1, 1), one.roll(1, 0), one.roll(64, 1), one.roll(2, 0)):
        assert agreement(one, other) == pytest.approx(0.5, abs=LIMIT)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_many_seeds_are_as_independent_as_coins(share: float) -> None:
    """Squared correlations of 300 masks add up as chi-square says they do; so do those of a mask's rows."""
    many = torch.stack([mask(seed, share=share, shape=(16, 128)).flatten() for seed in range(300)])
    for rows in (many, mask(1, share=share, shape=(300, 2048))):
        signs = (rows.double() - (1 - share)) / sqrt(share * (1 - share))
        squares = (signs @ signs.T / sqrt(2048)).square()
        pairs = 300 * 299 // 2
        total = (squares.sum() - squares.diagonal().sum()).item() / 2
        assert total == pytest.approx(pairs, abs=6 * sqrt(2 * pairs))


def test_pieces_that_begin_with_the_same_row_are_no_copies() -> None:
    begins: dict[int, int] = {}
    pairs = [
        (other, seed) for seed in range(2000) if (other := begins.setdefault(int(piece(seed, 0)[0]), seed)) != seed
    ]
    assert len(pairs) > 10
    for one, other in pairs:
        assert agreement(mask(one), mask(other)) == pytest.approx(0.5, abs=0.1)


def test_all_bits_of_the_table_are_fair() -> None:
    bits = table(CPU).flatten().long()
    ones = ((bits[:, None] >> torch.arange(16)) & 1).double().mean(dim=0)
    assert (ones - 0.5).abs().max().item() < 6 * 0.5 / sqrt(ROWS * WIDTH)


@given(SEEDS, st.floats(0.05, 0.9))
def test_kept_values_are_scaled_so_that_the_mean_stays(seed: int, share: float) -> None:
    values = torch.arange(1.0, 101).reshape(4, 25)
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


def test_a_seed_is_the_same_as_an_int_and_in_a_compiled_step() -> None:
    seed, values = 2**62 + 12345, torch.ones(16, 8)
    compiled = torch.compile(lambda one, given: dropout(one, 0.3, given, 2), fullgraph=True, backend="aot_eager")
    assert torch.equal(dropout(values, 0.3, torch.tensor(seed), 2), dropout(values, 0.3, seed, 2))
    assert torch.equal(compiled(values, torch.tensor(seed)), dropout(values, 0.3, seed, 2))


@pytest.mark.parametrize("shape", [(12, 8), (12, 3, 40), (24, 70)])
def test_parts_have_the_mask_of_the_whole(shape: tuple[int, ...]) -> None:
    """Of twelve examples; a layer may see each of them twice, as two issue dates."""
    values, seed = torch.ones(shape), 2**62 + 5
    each = shape[0] // 12
    parts = [
        dropout(values[low * each : high * each], 0.3, torch.tensor([seed, low, high - low]), 1)
        for low, high in ((0, 5), (5, 6), (6, 12))
    ]
    assert torch.equal(torch.cat(parts), dropout(values, 0.3, seed, 1))


def test_a_layer_larger_than_the_table_goes_on_at_its_beginning() -> None:
    kept = mask(3, shape=(ROWS + 10, 8))
    assert torch.equal(kept[ROWS:], kept[:10])
    assert kept.float().mean().item() == pytest.approx(0.5, abs=6 * 0.5 / sqrt(8 * ROWS))


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


def test_the_first_numbers_are_known() -> None:
    """The masks of a run must be the same on every machine and with every version of NumPy and torch."""
    assert piece(2**62 + 12345, 3) == (48734, 2225)
    assert random_numbers(torch.Size((2, 3)), 2**62 + 12345, 3, CPU).tolist() == [
        [-32197, -21999, 29713],
        [26265, -25919, 25390],
    ]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: nothing to compare the processor with")
def test_masks_are_the_same_on_a_cuda_device() -> None:
    seed, shape = torch.tensor(2**61 + 7), torch.Size((1000, 100))
    there = random_numbers(shape, seed.cuda(), 1, torch.device("cuda", 0)).cpu()
    assert torch.equal(there, random_numbers(shape, seed, 1, CPU))
