"""What Flower carries for a run: the server half starts what is installed, the client half runs nothing."""

import importlib.util
from pathlib import Path

import pytest
from flwr.app import Context, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from federation.deployment.coordinator.submit import BUNDLE
from federation.wire.flower_message import seal


def test_the_bundle_is_three_files() -> None:
    files = {str(path.relative_to(BUNDLE)) for path in BUNDLE.rglob("*") if path.suffix in (".py", ".toml")}
    assert files == {"pyproject.toml", "gotong_app/client.py", "gotong_app/server.py"}


@pytest.mark.parametrize("kind", ["train", "query"])
def test_its_client_says_what_to_start_in_its_place(kind: str) -> None:
    spec = importlib.util.spec_from_file_location("client", Path(BUNDLE) / "gotong_app" / "client.py")
    assert spec is not None
    assert spec.loader is not None
    client = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(client)
    TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1
    message = Message(seal(b"frame"), dst_node_id=7, message_type=kind)
    context = Context(run_id=1, node_id=7, node_config={}, state=RecordDict(), run_config={})
    with pytest.raises(RuntimeError, match="start `gotong node` in its place"):
        client.app(message, context)
