"""Champions on their way to a node: what the gateway serves to whom, and what a courier takes of a liar."""

import json
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from federation.deployment.coordinator import connections
from federation.deployment.coordinator.connections import Connection
from federation.deployment.node import champions
from federation.deployment.node.champions import NotFetchedError, fetch
from tests.deployment.gateways import CALL, ENROLLED, front

NAME, CONTENT = "ASEAN-health.champion", bytes(range(256)) * 4096


def test_the_gateway_serves_champions_to_enrolled_nodes_alone(tmp_path: Path) -> None:
    folder, delivered = tmp_path / "home" / "champions", tmp_path / "delivered"
    delivered.mkdir()
    beats: list[float] = []

    def beat() -> None:
        beats.append(time.monotonic())

    with front(tmp_path) as gateway, gateway.client() as node, gateway.client() as stranger:
        address = f"127.0.0.1:{gateway.port}"
        folder.mkdir()
        (folder / NAME).write_bytes(CONTENT)
        (folder / "server.key").write_bytes(b"secret")
        assert stranger.post(CALL, content=b"x").status_code == 401
        for path in (champions.PATH, f"{champions.PATH}/{NAME}"):
            assert stranger.get(path, headers=ENROLLED).status_code == 403  # a word of its own is no signed call
        with pytest.raises(NotFetchedError, match="HTTP 403"):
            fetch(node, address, delivered, beat)
        assert node.post(CALL, headers=ENROLLED, content=b"x").status_code == 200
        assert fetch(node, address, delivered, beat) == [NAME]
        assert (delivered / NAME).read_bytes() == CONTENT
        assert (delivered / NAME).stat().st_mode & 0o777 == 0o640
        assert json.loads((delivered / "asked.json").read_text()).keys() == {"at"}
        assert beats
        before = (delivered / NAME).stat().st_mtime_ns
        assert fetch(node, address, delivered, beat) == []
        assert (delivered / NAME).stat().st_mtime_ns == before
        for name in ("server.key", "../server.key", "%2e%2e/server.key", "..%2fserver.key", "", "x.champion"):
            assert node.post(CALL, headers=ENROLLED, content=b"x").status_code == 200  # a refusal ends the connection
            assert node.get(f"{champions.PATH}/{name}").status_code == 404, name
        (folder / NAME).unlink()
        assert node.post(CALL, headers=ENROLLED, content=b"x").status_code == 200
        assert fetch(node, address, delivered, beat) == []
        assert not (delivered / NAME).exists()


def test_who_reads_slowly_keeps_nobody_out_but_himself(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "champions"
    with front(tmp_path) as gateway, gateway.client() as slow, gateway.client() as node:
        folder.mkdir()
        (folder / NAME).write_bytes(bytes(32 * 2**20))  # more than the buffers between them hold
        for client in (slow, node):
            assert client.post(CALL, headers=ENROLLED, content=b"x").status_code == 200
        with slow.stream("GET", f"{champions.PATH}/{NAME}") as stalled:
            assert stalled.status_code == 200
            began = time.monotonic()
            assert node.get(f"{champions.PATH}/{NAME}").status_code == 503  # of the same address; it asks again later
            assert time.monotonic() - began < 10  # and did not wait
        assert node.post(CALL, headers=ENROLLED, content=b"x").status_code == 200


def test_a_connection_whose_key_is_used_no_more_is_served_no_champion(monkeypatch: pytest.MonkeyPatch) -> None:
    known = connections.Connections(connections.Limits())
    connection = Connection(line=None, address="127.0.0.1", opened=0.0, used=0.0)  # type: ignore[arg-type]
    served = [connection.is_enrolled_node]
    for status in (200, 401, 200):  # 401: its key was revoked
        known.learn(connection, status)
        served.append(connection.is_enrolled_node)
    later = time.monotonic() + connections.CONFIRMED + 1
    monkeypatch.setattr(connections, "monotonic", lambda: later)
    assert [*served, connection.is_enrolled_node] == [False, True, False, True, False]


def listed(name: str = NAME, size: int = len(CONTENT), digest: str = sha256(CONTENT).hexdigest()) -> dict[str, object]:
    return {"name": name, "size": size, "digest": digest}


def lying(offer: object, content: bytes = CONTENT, status: int = 200) -> httpx.Client:
    """A coordinator that offers this and sends that."""

    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path == champions.PATH:
            raw = offer if isinstance(offer, bytes) else json.dumps(offer).encode()
            return httpx.Response(200, stream=httpx.ByteStream(raw))
        headers = {"location": "https://10.0.0.1/secret"} if status != 200 else {}
        return httpx.Response(status, stream=httpx.ByteStream(content), headers=headers)

    return httpx.Client(transport=httpx.MockTransport(reply), follow_redirects=True)


@pytest.mark.parametrize(
    "client",
    [
        lambda: lying(b"no list"),
        lambda: lying({"name": NAME}),
        lambda: lying([{"name": NAME}]),
        lambda: lying([listed("../../vault/vault.sqlite")]),
        lambda: lying([listed("/etc/cron.d/x.champion")]),
        lambda: lying([listed(".asked.champion")]),
        lambda: lying([listed(size=champions.LARGEST + 1)]),
        lambda: lying([listed(f"{number}.champion") for number in range(17)]),
        lambda: lying(b"[" * 2**15),
        lambda: lying(b" " * 2**17),
        lambda: lying([listed()], CONTENT + b"x"),
        lambda: lying([listed()], CONTENT[:-1]),
        lambda: lying([listed()], CONTENT[:-1] + b"x"),
        lambda: lying([listed()], status=302),
    ],
)
def test_what_a_lying_coordinator_sends_changes_nothing_here(
    client: Callable[[], httpx.Client], tmp_path: Path
) -> None:
    (tmp_path / NAME).write_bytes(b"the one before")
    with pytest.raises(NotFetchedError):
        fetch(client(), "coordinator:9440", tmp_path, lambda: None)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {NAME: b"the one before"}


def test_a_coordinator_that_drips_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(champions, "PATIENCE", 0.0)
    with pytest.raises(NotFetchedError, match="it took more than 0 s"):
        fetch(lying([listed()]), "coordinator:9440", tmp_path, lambda: None)
