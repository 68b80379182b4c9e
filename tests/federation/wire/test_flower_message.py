"""A frame goes into a Flower message and comes out the same; anything else in there is refused, not unpacked."""

from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import WireError
from federation.wire.flower_message import seal, unseal

FOREIGN: dict[str, RecordDict] = {
    "nothing": RecordDict(),
    "a model": RecordDict({"arrays": ArrayRecord({"w": Array(np.zeros(3))})}),
    "another record of the name": RecordDict({"gotong": ConfigRecord({"frame": "x"})}),
    "another array": RecordDict({"gotong": ArrayRecord({"other": Array(np.zeros(3, np.uint8))})}),
    "an array that NumPy would have to unpack": RecordDict({"gotong": ArrayRecord({"frame": Array(np.zeros(3))})}),
    "a claim of NumPy bytes": RecordDict(
        {"gotong": ArrayRecord({"frame": Array(dtype="uint8", shape=(2**50,), stype="numpy.ndarray", data=b"junk")})}
    ),
}


@given(data=st.binary())
def test_what_is_sealed_is_unsealed(data: bytes) -> None:
    assert unseal(seal(data)) == data


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_other_content_is_refused(content: Any) -> None:
    with pytest.raises(WireError, match="carries no Gotong frame"):
        unseal(content)
