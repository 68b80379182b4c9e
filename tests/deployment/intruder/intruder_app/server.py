"""A coordinator that turned: sends every node what its orders say, and writes down all that it obtained."""

import json
from pathlib import Path

from flwr.app import Array, ArrayRecord, Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

KIND = "gotong.frame"

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """orders: node -> messages, each of them frames in hexadecimal; the first stands where a courier looks for it."""
    orders = json.loads(Path(str(context.run_config["orders"])).read_text())
    messages = [_message(int(node), frames) for node, each in orders.items() for frames in each]
    found = [_told(reply) for reply in grid.send_and_receive(messages, timeout=150)]
    told = Path(str(context.run_config["told"]))
    beside = told.with_suffix(".new")
    beside.write_text(json.dumps(found))
    beside.replace(told)


def _message(node: int, frames: list[str]) -> Message:
    first, *more = [_array(bytes.fromhex(frame)) for frame in frames]
    content = RecordDict({"gotong": ArrayRecord({"frame": first})})
    content["more"] = ArrayRecord({str(number): array for number, array in enumerate(more)})
    return Message(content, dst_node_id=node, message_type="query", ttl=150)


def _array(data: bytes) -> Array:
    return Array(dtype="uint8", shape=(len(data),), stype=KIND, data=data)


def _told(reply: Message) -> dict[str, object]:
    node = str(reply.metadata.src_node_id)
    if reply.has_error():
        return {"node": node, "error": str(reply.error.reason)}
    record = reply.content["gotong"]
    assert isinstance(record, ArrayRecord)
    return {"node": node, "reply": record["frame"].data.hex()}
