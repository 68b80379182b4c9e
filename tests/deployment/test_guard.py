"""The guard before a bundle: what it touches of Flower's program, and what it lets in."""

import inspect
import os
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flwr.supercore.fab import Fab
from flwr.supernode.runtime import run_clientapp

from federation.deployment import flower_cli, guard
from federation.deployment.coordinator.submit import BUNDLE as SHIPPED
from federation.deployment.guard import Guard
from federation.deployment.node.courier import exchange
from federation.deployment.node.layout import BUNDLE
from federation.vault.policy import Policy
from federation.wire.flower_message import unseal
from federation.wire.frame import Frame, decode, encode, named, unnamed
from tests.deployment.test_courier import _post
from tests.deployment.test_vault_process import serving

FAB = b"a bundle"
KNOWN = sha256(FAB).hexdigest()


def test_flowers_program_takes_the_steps_that_the_guard_stands_in_for() -> None:
    """Contract with Flower's internals. If this fails after an upgrade of Flower, read run_clientapp.py anew."""
    source = inspect.getsource(run_clientapp.run_clientapp)
    calls = [f"{step}(" for step in guard.STEPS]
    assert [source.count(call) for call in calls] == [1, 1, 1]
    assert sorted(calls, key=source.index) == calls
    assert "install_from_fab(fab.content, skip_prompt=True)" in source
    assert "load_client_app_fn(\n            run.fab_id, run.fab_version, fab.hash_str\n        )" in source


def _flowers(monkeypatch: pytest.MonkeyPatch, done: list[str]) -> None:
    """Flower's own three steps as notes of what was done, as in a process that was just started."""

    def pull(client: Any) -> tuple[Any, ...]:  # noqa: ARG001
        return None, None, SimpleNamespace(fab_id="a/b"), Fab(hash_str="00" * 32, content=FAB, verifications={})

    def install(content: bytes, **rest: Any) -> None:  # noqa: ARG001
        done.append("installed")

    def loader(**rest: Any) -> Any:  # noqa: ARG001
        return lambda *_: "the bundle's app"

    for step, stand_in in zip(guard.STEPS, (pull, install, loader), strict=True):
        monkeypatch.setattr(run_clientapp, step, stand_in)
    monkeypatch.setenv(BUNDLE, "")


def _run(monkeypatch: pytest.MonkeyPatch, vault: Path, done: list[str]) -> Any:
    """As Flower's program does: pull, install, load."""
    _flowers(monkeypatch, done)
    Guard(vault).post()
    pull, install, loader = (vars(run_clientapp)[step] for step in guard.STEPS)
    _, _, _, fab = pull(None)
    assert fab.hash_str == KNOWN  # not what the coordinator claimed
    install(fab.content, skip_prompt=True)
    return loader(default_app_ref="", app_path=None, multi_app=True)()


def test_a_bundle_is_run_only_where_the_policy_lists_it_and_frames_only_come_in_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    with serving(tmp_path / "v", policy=f'bundles = ["{"ab" * 32}"]\n') as line:
        refuse = _run(monkeypatch, line.socket, done)
        reply = decode(unseal(refuse(_post().message, None).content))
        assert (reply.kind, done) == ("refused", [])
        assert f"VNM does not know the bundle {KNOWN}: its policy lists {'ab' * 6}." in reply.header["reason"]
        (tmp_path / "v" / "data" / "policy.toml").write_text(f'tasks = ["health"]\nbundles = ["{KNOWN}"]\n')
        assert _run(monkeypatch, line.socket, done) == "the bundle's app"
        assert (done, os.environ[BUNDLE]) == (["installed"], KNOWN)
        asked = encode(Frame(kind="terms", header={}))
        said = {
            bundle: decode(exchange(line.socket, named(asked, bundle) if bundle else asked, lambda: None))
            for bundle in (KNOWN, "", "00" * 32)
        }
    assert {bundle: frame.kind for bundle, frame in said.items()} == {
        KNOWN: "terms",
        "": "refused",
        "00" * 32: "refused",
    }
    assert "came in no bundle's name" in said[""].header["reason"]


def test_a_country_that_lists_no_bundle_serves_none(tmp_path: Path) -> None:
    policy = Policy(country="VNM", path=tmp_path / "policy.toml", tasks=())
    policy.check_origin("")
    with pytest.raises(Exception, match=r"its policy lists none\. Compare it with what `gotong node bundle` prints"):
        policy.check_origin(KNOWN)


def test_a_frame_keeps_its_bundles_name_apart() -> None:
    frame = encode(Frame(kind="terms", header={}))
    assert unnamed(named(frame, KNOWN)) == (frame, KNOWN)
    assert unnamed(frame) == (frame, "")
    assert unnamed(b"GTNB") == (b"GTNB", "")


def test_the_digest_is_the_same_wherever_the_bundle_lies(tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    for path in ("pyproject.toml", "gotong_app/client.py", "gotong_app/server.py"):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_bytes((SHIPPED / path).read_bytes())
    assert flower_cli.digest_of(copy) == flower_cli.digest_of(SHIPPED)
    (copy / "gotong_app" / "client.py").write_text("import os\n")
    assert flower_cli.digest_of(copy) != flower_cli.digest_of(SHIPPED)
