"""A frame inside a Flower message: one array of bytes, which Flower cuts into chunks and nobody unpacks as NumPy's.

What signs a request for one country is an array of its own, so that Flower keeps a frame for many countries once.
"""

from flwr.app import Array, ArrayRecord, RecordDict

from federation.errors import WireError

RECORD, ARRAY, SIGNATURE, KIND = "gotong", "frame", "signature", "gotong.frame"


def seal(frame: bytes, signature: bytes = b"") -> RecordDict:
    """The content of a message that carries an encoded frame, after its signed statement if there is one."""
    arrays = {ARRAY: _array(frame)} | ({SIGNATURE: _array(signature)} if signature else {})
    return RecordDict({RECORD: ArrayRecord(arrays)})


def unseal(content: RecordDict) -> bytes:
    """The encoded frame in a message, or the envelope around it. Raises WireError if the message carries neither."""
    record = content.get(RECORD)
    if not isinstance(record, ArrayRecord) or not {ARRAY} <= set(record) <= {ARRAY, SIGNATURE}:
        raise WireError("a message carries no Gotong frame")
    if any(array.stype != KIND for array in record.values()):
        raise WireError("a message carries no Gotong frame")
    return record[SIGNATURE].data + record[ARRAY].data if SIGNATURE in record else record[ARRAY].data


def _array(data: bytes) -> Array:
    return Array(dtype="uint8", shape=(len(data),), stype=KIND, data=data)
