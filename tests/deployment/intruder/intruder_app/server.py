"""A coordinator that turned hostile: sends a node what its orders say, and writes down all that it obtained."""

import json
from pathlib import Path

from flwr.app import Array, ArrayRecord, Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

KIND = "gotong.frame"

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """orders: a node and the frames for it, hexadecimal; one message each."""
    orders = json.loads(Path(str(context.run_config["orders"])).read_text())
    messages = [_message(int(orders["node"]), bytes.fromhex(frame)) for frame in orders["frames"]]
    replies = [_described(reply) for reply in grid.send_and_receive(messages, timeout=150)]
    path = Path(str(context.run_config["replies"]))
    temp_path = path.with_suffix(".new")
    temp_path.write_text(json.dumps(replies))
    temp_path.replace(path)


def _message(node: int, frame: bytes) -> Message:
    array = Array(dtype="uint8", shape=(len(frame),), stype=KIND, data=frame)
    content = RecordDict({"gotong": ArrayRecord({"frame": array})})
    return Message(content, dst_node_id=node, message_type="query", ttl=150)


def _described(reply: Message) -> dict[str, str]:
    if reply.has_error():
        return {"error": str(reply.error.reason)}
    record = reply.content["gotong"]
    assert isinstance(record, ArrayRecord)
    return {"reply": record["frame"].data.hex()}
