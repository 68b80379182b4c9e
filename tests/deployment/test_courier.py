"""The courier: the Flower it knows, and its patience with a vault."""

import inspect
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Message, RecordDict
from flwr.proto import fleet_pb2, heartbeat_pb2, message_pb2
from flwr.supercore.protobuf.client import ProtobufClient
from flwr.supernode import fleet_http_client

from federation.deployment import certificates
from federation.deployment.node import courier, flower_link, reachable, vault_line
from federation.errors import DeploymentError
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import Frame, decode, encode

REQUEST = encode(Frame(kind="train", header={"run": "r", "round": 1}))
REPLY = encode(Frame(kind="update", header={}))


def test_the_installed_flower_is_one_whose_fleet_protocol_was_seen() -> None:
    """Contract with Flower's internals. If this fails after an upgrade of Flower, run the deployment tests against it,
    read what changed in these files, and only then add the version to flower_link.KNOWN."""
    flower_link.check_flower_version()
    calls = [
        "ActivateNode",
        "DeactivateNode",
        "SendNodeHeartbeat",
        "PullMessages",
        "PushMessages",
        "PullObject",
        "PushObject",
        "ConfirmMessageReceived",
    ]
    for name in calls:
        call = getattr(fleet_http_client.FleetHttpClient, name)
        assert list(inspect.signature(call).parameters) == ["self", "request"], name
    wanted = {"base_url", "interceptors", "verify"}
    assert wanted <= set(inspect.signature(ProtobufClient).parameters)
    assert isinstance(fleet_http_client.FleetHttpClient("https://127.0.0.1:1")._client, httpx.Client)  # for champions
    fields: dict[Any, set[str]] = {
        fleet_pb2.ActivateNodeRequest: {"public_key", "heartbeat_interval"},
        fleet_pb2.DeactivateNodeRequest: {"node_id"},
        fleet_pb2.PullMessagesRequest: {"node"},
        fleet_pb2.PushMessagesRequest: {"node", "messages_list", "message_object_trees"},
        heartbeat_pb2.SendNodeHeartbeatRequest: {"node", "heartbeat_interval"},
        message_pb2.ConfirmMessageReceivedRequest: {"node", "run_id", "message_object_id"},
    }
    for kind, names in fields.items():
        assert names <= {field.name for field in kind.DESCRIPTOR.fields}


def test_an_uncheck_flower_version_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flower_link, "version", lambda _: "9.9.0")
    with pytest.raises(DeploymentError, match=r"knows Flower 1\.41\.x, installed is 9\.9\.0"):
        flower_link.check_flower_version()


def test_it_imports_no_torch_no_task_and_none_of_the_vault() -> None:
    code = "import sys, federation.deployment.node.courier; print(*sorted(m for m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "federation.deployment.node.courier" in loaded
    own = {name for name in loaded if name.startswith(("federation.", "tasks"))}
    packages = {"federation.api", "federation.deployment", "federation.deployment.node", "federation.wire"}
    assert own == {
        *packages,
        "federation.api.lazy",  # the names that `from federation import` offers, and nothing of what they are
        "federation.deployment.node.champions",
        "federation.deployment.node.courier",
        "federation.deployment.node.flower_link",
        "federation.deployment.node.reachable",
        "federation.deployment.node.vault_line",
        "federation.deployment.logs",
        "federation.deployment.private_keys",
        "federation.deployment.secret_files",
        "federation.deployment.standing",
        "federation.errors",
        "federation.wire.flower_message",
        "federation.wire.frame",
        "federation.wire.header",
        "federation.wire.signature",
    }
    assert not {"torch", "pandas", "mlflow", "hydra"} & set(loaded)


def _vault(path: Path, *replies: bytes | None) -> threading.Thread:
    """A socket that gives these replies in turn; None dies over the frame."""
    line = socket.socket(socket.AF_UNIX)
    line.bind(str(path))
    line.listen()

    def serve() -> None:
        with line:
            for reply in replies:
                caller, _ = line.accept()
                with caller:
                    while caller.recv(65536):
                        pass
                    if reply is not None:
                        caller.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def _request(ttl: float = 60.0) -> flower_link.Request:
    from flwr.supercore.task_identity import TaskIdentity

    TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1
    message = Message(seal(REQUEST), dst_node_id=7, message_type="train", ttl=ttl)
    return flower_link.Request(message=message, frame=REQUEST)


def test_a_vault_that_dies_over_a_frame_gets_it_again(tmp_path: Path) -> None:
    beats: list[float] = []
    thread = _vault(tmp_path / "s", None, REPLY[:10], REPLY)
    reply = courier.reply_to(_request(), tmp_path / "s", lambda: beats.append(time.monotonic()))
    thread.join(10)
    assert unseal(reply.content) == REPLY
    assert len(beats) >= 2  # the node stayed alive meanwhile


def test_a_vault_that_stays_away_is_reported_when_its_reply_is_of_no_use_any_more(tmp_path: Path) -> None:
    began = time.monotonic()
    reply = courier.reply_to(_request(ttl=1.0), tmp_path / "none", lambda: None)
    assert 0.5 <= time.monotonic() - began < 5
    assert reply.has_error()
    assert "vault does not reply" in str(reply.error.reason)


def test_a_slow_vault_is_waited_for_with_a_beating_heart(tmp_path: Path) -> None:
    beats: list[None] = []
    line = socket.socket(socket.AF_UNIX)
    line.bind(str(tmp_path / "s"))
    line.listen()

    def serve() -> None:
        with line, line.accept()[0] as caller:
            while caller.recv(65536):
                pass
            time.sleep(2.5)  # trains
            caller.sendall(REPLY)

    thread = threading.Thread(target=serve)
    thread.start()
    assert vault_line.exchange(tmp_path / "s", REQUEST, lambda: beats.append(None)) == REPLY
    thread.join(10)
    assert len(beats) >= 2


def test_every_way_to_be_refused_has_its_own_words() -> None:
    request = httpx.Request("POST", "https://c")

    def status(code: int) -> Exception:
        return httpx.HTTPStatusError("", request=request, response=httpx.Response(code, request=request))

    prefix = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
    said = {
        "clock": status(401),
        "fingerprints": status(412),
        "HTTP 500": status(500),
        "another name": httpx.ConnectError(prefix + "IP address mismatch, certificate is not valid for '10.0.0.1'."),
        "compare the clocks": httpx.ConnectError(prefix + "certificate is not yet valid"),
        "expired": httpx.ConnectError(prefix + "certificate has expired"),
        "stranger": httpx.ConnectError(prefix + "self-signed certificate in certificate chain"),
        "cannot be reached": httpx.ConnectError("[Errno 111] Connection refused"),
    }
    for words, error in said.items():
        assert words in reachable.explain(error, "c:1")


def test_a_certificate_that_is_not_valid_yet_is_named_at_both_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Ahead":
            return cls.fromtimestamp(time.time() + 864_000, tz)

    with monkeypatch.context() as coordinator:
        coordinator.setattr(certificates, "datetime", Ahead)
        certificates.create(tmp_path, ["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"

        def serve() -> None:
            with suppress(OSError):
                context.wrap_socket(listener.accept()[0], server_side=True)

        thread = threading.Thread(target=serve)
        thread.start()
        trusted = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        with pytest.raises(httpx.ConnectError) as refused:
            httpx.get(f"https://{address}", verify=trusted, trust_env=False)
        thread.join()
    assert "is not valid yet; compare the clocks" in reachable.explain(refused.value, address)
    assert all(
        "is not valid before" in note and "set the clock" in note for note in certificates.expiry_notes(tmp_path)
    )


def test_a_proxy_of_the_environment_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("no_proxy", "NO_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy.example:3128")
    error = httpx.ConnectError("[Errno 111] Connection refused")
    said = reachable.explain(error, "federation.example:9440")
    assert "through the proxy proxy.example:3128 of the environment (set no_proxy=federation.example" in said
    assert "secret" not in said
    monkeypatch.setenv("no_proxy", "federation.example")
    assert "proxy" not in reachable.explain(error, "federation.example:9440")


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    from federation.deployment import enrolment

    enrolment.create_keys(tmp_path, "VNM")
    key = tmp_path / "courier" / "node.key"
    courier.read_key(key)
    key.chmod(0o644)
    with pytest.raises(DeploymentError, match="make it 600"):
        courier.read_key(key)


def test_an_authority_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="let this user read the coordinator's"):
        flower_link.Link(
            "127.0.0.1:1", tmp_path, ec.generate_private_key(ec.SECP384R1()), tmp_path / "node.id", tmp_path
        )


def test_a_message_that_carries_no_frame_is_no_frame() -> None:
    with pytest.raises(Exception, match="no Gotong frame"):
        unseal(RecordDict())
    assert decode(unseal(seal(REQUEST))).kind == "train"
