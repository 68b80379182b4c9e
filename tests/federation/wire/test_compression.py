"""How weights travel: what comes out is near what went in, the same every time, and right in the mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from federation.errors import WireError
from federation.wire.compression import SCALES, TRANSPORTS, arrived, packed, unpacked
from federation.wire.frame import Frame, decode, encode

FINITE = st.floats(-(2.0**100), 2.0**100, width=32)
VALUES = arrays.arrays(np.float32, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0), elements=FINITE)


@pytest.mark.parametrize("transport", TRANSPORTS)
@given(value=VALUES, seed=st.integers(0, 2**63 - 1))
def test_what_arrives_is_near_what_was_sent(transport: str, value: np.ndarray, seed: int) -> None:
    sent = {"update/w": value, "score/test/n": np.array([3.0])}
    frame = decode(encode(Frame(kind="update", header={}, arrays=packed(sent, transport, seed))))
    came = unpacked(frame.arrays, transport)
    assert came.keys() == sent.keys()
    np.testing.assert_array_equal(came["score/test/n"], [3.0])
    assert came["update/w"].dtype == np.float32
    assert came["update/w"].shape == value.shape
    largest = float(np.abs(value).max(initial=0.0))
    off = {"float32": 0.0, "bf16": 2.0**-8 * largest, "int8": largest / 127}[transport] * (1 + 1e-6) + 1e-38
    assert np.abs(came["update/w"].astype(np.float64) - value).max(initial=0.0) <= off


def test_a_value_goes_up_or_down_by_chance_so_that_the_mean_is_right() -> None:
    value = np.array([1.27, 0.0034, -0.0123], np.float32)  # a step is 0.01
    mean = np.mean([arrived({"update/w": value}, "int8", seed)["update/w"] for seed in range(4000)], axis=0)
    np.testing.assert_allclose(mean, value, atol=4e-4)  # three standard errors


def test_the_same_seed_draws_the_same_whatever_travels_with_it() -> None:
    value = np.linspace(-1, 1, 1000, dtype=np.float32)
    alone, together = (packed(sent, "int8", 7) for sent in ({"model/w": value}, {"model/v": value, "model/w": value}))
    np.testing.assert_array_equal(alone["model/w"], together["model/w"])
    assert (packed({"model/w": value}, "int8", 8)["model/w"] != alone["model/w"]).any()
    assert (together["model/v"] != together["model/w"]).any()


def test_int8_takes_a_quarter_and_bf16_half() -> None:
    value = {f"model/{name}": np.ones((100, 100), np.float32) for name in "abc"}
    size = {each: sum(array.nbytes for array in packed(value, each, 1).values()) for each in TRANSPORTS}
    assert size == {"float32": 120_000, "bf16": 60_000, "int8": 30_012}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("other", TRANSPORTS)
def test_a_frame_that_was_packed_in_another_way_is_refused(transport: str, other: str) -> None:
    sent = packed({"update/w": np.ones(3, np.float32)}, other, 1)
    if transport == other:
        np.testing.assert_array_equal(unpacked(sent, transport)["update/w"], np.ones(3))
    else:
        with pytest.raises(WireError, match=f"this run's transport is {transport}"):
            unpacked(sent, transport)


@pytest.mark.parametrize("scales", [None, np.ones(2, np.float32), np.ones(1), np.ones((1, 1), np.float32)])
def test_int8_without_a_scale_an_array_is_refused(scales: np.ndarray | None) -> None:
    sent = packed({"update/w": np.ones(3, np.float32)}, "int8", 1)
    sent = {"update/w": sent["update/w"]} | ({} if scales is None else {SCALES: scales})
    with pytest.raises(WireError, match="1 int8 arrays came with scales"):
        unpacked(sent, "int8")


@pytest.mark.parametrize("scale", [np.nan, np.inf, 3e38])
def test_a_scale_that_is_no_number_arrives_without_a_word_for_whoever_looks_at_values(scale: float) -> None:
    arrived_values = unpacked(
        {"model/a": np.arange(-3, 4, dtype=np.int8), SCALES: np.array([scale], np.float32)}, "int8"
    )
    assert not np.isfinite(arrived_values["model/a"]).all()
