"""What `open_ui` refuses; that it serves and ends is seen in a browser, under tests/browser."""

import socket
from pathlib import Path

import pytest

from federation.errors import TrackingError
from federation.settings.parts import TrackingSettings
from federation.tracking.ui import open_ui


def test_a_taken_port_is_named_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TrackingError, match=f"port {port} is taken .* port={port + 1}"):
            open_ui(tmp_path / "runs", TrackingSettings(), port)
    assert not (tmp_path / "runs").exists()


def test_a_server_elsewhere_is_named_and_none_is_started(tmp_path: Path) -> None:
    said: list[str] = []
    open_ui(tmp_path, TrackingSettings(uri="http://127.0.0.1:1"), 5000, said.append)  # nobody listens there
    assert said[0] == "experiments are served by http://127.0.0.1:1"
    assert said[1].startswith("no link to them: the experiments there cannot be opened: ")
    assert [len(said), *map(str.count, said, ["\n", "\n"])] == [2, 0, 0]


def test_a_store_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("no folder")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(TrackingError, match=r"mlflow\.db cannot be opened: ") as caught:
        open_ui(tmp_path / "runs", TrackingSettings(), port)
    assert "\n" not in str(caught.value)
