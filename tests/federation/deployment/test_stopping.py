"""Stopping a run that has not begun, and addresses of IPv6."""

import os
import threading
from pathlib import Path

import pytest

from federation.deployment.coordinator import stopping
from federation.deployment.node.settings import NodeSettings
from federation.errors import ConfigError, DeploymentError


def test_a_request_to_stop_is_for_whoever_was_submitting_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, runs = tmp_path / "c", tmp_path / "runs"
    home.mkdir()
    monkeypatch.setattr(stopping, "BEGINS", 0.0)
    said: list[str] = []
    with pytest.raises(ConfigError, match="no run 'spring' in"):
        stopping.stop(home, str(runs), "spring", said.append)
    assert "one that is being submitted will not begin" in said[0]
    folder = runs / "spring"
    monkeypatch.setattr(stopping, "BEGINS", 60.0)
    heed = threading.Timer(0.3, (home / "stops" / "spring").unlink)  # as a submit does that ends for it
    heed.start()
    assert stopping.stop(home, str(runs), "spring", said.append) == folder
    heed.join()
    stopping._leave_note(home, "spring")
    folder.mkdir(parents=True)
    with stopping.submitting(home, folder):  # this process was there when it was asked for
        assert stopping.in_progress(folder)
        with pytest.raises(DeploymentError, match="it was stopped before it began"):
            stopping.check(folder)
    assert not stopping.in_progress(folder)
    with stopping.submitting(home, folder):  # again, and nobody has asked since
        stopping.check(folder)
    note = home / "stops" / "spring"
    note.touch()
    os.utime(note, (1e9, 1e9))
    with stopping.submitting(home, folder):
        stopping.check(folder)
    assert not note.exists()


@pytest.mark.parametrize(
    ("coordinator", "address"),
    [
        ("[::1]:9440", ("::1", 9440)),
        ("federation.example:9440", ("federation.example", 9440)),
        ("10.1.2.3:1", ("10.1.2.3", 1)),
    ],
)
def test_an_address_is_a_host_and_a_port(coordinator: str, address: tuple[str, int]) -> None:
    assert NodeSettings(country="VNM", coordinator=coordinator).coordinator_address == address


@pytest.mark.parametrize(
    ("coordinator", "remedy"),
    [("::1:9440", r"write it in brackets, such as \[::1\]:9440"), ("example", "HOST:PORT"), ("example:x", "HOST:PORT")],
)
def test_an_address_that_nobody_can_call_is_refused(coordinator: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match=remedy):
        NodeSettings(country="VNM", part="courier", coordinator=coordinator).check()
