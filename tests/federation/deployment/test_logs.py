"""Lines for a person or for a machine."""

import io
import json
import logging
from contextlib import redirect_stderr

import pytest

from federation.deployment import logs


def _said(form: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv(logs.FORM, form)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest has its own
    written = io.StringIO()
    with redirect_stderr(written):
        logs.begin("vault")
        log = logging.getLogger("vault")
        log.info("served %d\nin two lines", 3, extra={"values": {"seconds": 0.5}})
        try:
            raise ValueError("why")
        except ValueError:
            log.exception("a frame could not be served")
        logging.getLogger("httpx").info("not for anybody")
    return written.getvalue().splitlines()


def test_a_json_line_is_one_object_whatever_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = map(json.loads, _said("json", monkeypatch))
    assert {key: first[key] for key in ("part", "level", "event", "seconds")} == {
        "part": "vault",
        "level": "info",
        "event": "served 3\nin two lines",
        "seconds": 0.5,
    }
    assert "ValueError: why" in second["trace"]


def test_a_text_line_names_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    assert " vault served 3" in _said("text", monkeypatch)[0]
