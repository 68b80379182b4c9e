"""On a stock SuperNode: hand the frame to the vault's socket, its reply back. Imports nothing but Flower."""

import os
import socket

from flwr.app import Array, ArrayRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

SOCKET = "GOTONG_VAULT_SOCKET"  # environment variable of the SuperNode: the path of the vault's socket
BUNDLE = (
    "GOTONG_BUNDLE"  # environment variable: SHA-256 of this bundle, from the node's guard; without one it is unknown
)
PATIENCE = 3600.0  # seconds; training takes as long as it takes
RECORD, ARRAY, KIND = "gotong", "frame", "gotong.frame"  # as in federation/envelope.py, which is not installed here
MAGIC = b"GTNB"  # as in federation/wire.py

app = ClientApp()


@app.train()
@app.query()
def carry(message: Message, context: Context) -> Message:  # noqa: ARG001
    """One frame each way, in the name of this bundle."""
    record = message.content[RECORD]
    assert isinstance(record, ArrayRecord)
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PATIENCE)
        line.connect(os.environ[SOCKET])
        line.sendall(MAGIC + bytes.fromhex(os.environ.get(BUNDLE, "00" * 32)) + record[ARRAY].data)
        line.shutdown(socket.SHUT_WR)
        parts = []
        while part := line.recv(2**20):
            parts.append(part)
    frame = b"".join(parts)
    reply = Array(dtype="uint8", shape=(len(frame),), stype=KIND, data=frame)
    return Message(RecordDict({RECORD: ArrayRecord({ARRAY: reply})}), reply_to=message)
