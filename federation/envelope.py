"""A frame inside a Flower message: one byte array, so that Flower cuts it into chunks and looks at nothing in it."""

import numpy as np
from flwr.app import Array, ArrayRecord, RecordDict

from federation.errors import WireError

RECORD, ARRAY = "gotong", "frame"


def seal(frame: bytes) -> RecordDict:
    """The content of a message that carries an encoded frame."""
    return RecordDict({RECORD: ArrayRecord({ARRAY: Array(np.frombuffer(frame, np.uint8))})})


def unseal(content: RecordDict) -> bytes:
    """The encoded frame in a message. Raises WireError if the message carries something else."""
    record = content.get(RECORD)
    array = record.get(ARRAY) if isinstance(record, ArrayRecord) else None
    if not isinstance(array, Array) or array.dtype != "uint8" or len(array.shape) != 1:
        raise WireError("a message carries no Gotong frame")
    return array.numpy().tobytes()
