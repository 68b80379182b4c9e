"""On a stock SuperNode: hand the frame to the vault's socket, its reply back. Imports nothing but Flower and numpy."""

import os
import socket

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

SOCKET = "GOTONG_VAULT_SOCKET"  # environment variable of the SuperNode: the path of the vault's socket
PATIENCE = 3600.0  # seconds; training takes as long as it takes

app = ClientApp()


@app.train()
@app.query()
def carry(message: Message, context: Context) -> Message:  # noqa: ARG001
    """One frame each way."""
    record = message.content["gotong"]
    assert isinstance(record, ArrayRecord)
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PATIENCE)
        line.connect(os.environ[SOCKET])
        line.sendall(record["frame"].numpy().tobytes())
        line.shutdown(socket.SHUT_WR)
        parts = []
        while part := line.recv(2**20):
            parts.append(part)
    reply = Array(np.frombuffer(b"".join(parts), np.uint8))
    return Message(RecordDict({"gotong": ArrayRecord({"frame": reply})}), reply_to=message)
