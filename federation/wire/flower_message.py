"""A frame inside a Flower message: one array of bytes, which Flower cuts into chunks and nobody unpacks as NumPy's."""

from flwr.app import Array, ArrayRecord, RecordDict

from federation.errors import WireError

RECORD, ARRAY, KIND = "gotong", "frame", "gotong.frame"


def seal(frame: bytes) -> RecordDict:
    """The content of a message that carries an encoded frame."""
    array = Array(dtype="uint8", shape=(len(frame),), stype=KIND, data=frame)
    return RecordDict({RECORD: ArrayRecord({ARRAY: array})})


def unseal(content: RecordDict) -> bytes:
    """The encoded frame in a message. Raises WireError if the message carries something else."""
    record = content.get(RECORD)
    array = record.get(ARRAY) if isinstance(record, ArrayRecord) else None
    if not isinstance(array, Array) or array.stype != KIND:
        raise WireError("a message carries no Gotong frame")
    return array.data
