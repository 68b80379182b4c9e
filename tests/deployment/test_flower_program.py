"""Flower's programs at the coordinator log as the others do."""

import json
import logging
import sys
from types import SimpleNamespace

import pytest
from flwr.common.logger import console_handler

from federation.deployment import logs
from federation.deployment.coordinator import flower_program


@pytest.mark.parametrize("form", ["text", "json"])
def test_warnings_of_flower_have_our_form_and_no_colours_and_what_is_routine_is_not_logged(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flower = logging.Logger("flwr", logging.DEBUG)
    flower.parent = logging.root
    flower.addHandler(console_handler)
    monkeypatch.setattr(flower_program, "FLOWER_LOGGER", flower)
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(console_handler, "level", console_handler.level)
    monkeypatch.setattr(console_handler, "stream", sys.stderr)
    monkeypatch.setenv(logs.FORM, form)
    monkeypatch.setattr(sys, "argv", ["", "superlink", "flower-superlink", "--port", "1"])

    def program() -> str:
        flower.info("ControlServicer.ListRuns")
        flower.error("an unknown key: %s", "b'-----'")
        return " ".join(sys.argv)

    monkeypatch.setattr(flower_program, "entry_points", lambda **_: [SimpleNamespace(load=lambda: program)])
    with pytest.raises(SystemExit, match=r"^flower-superlink --port 1$"):
        flower_program.main()
    [line] = capsys.readouterr().err.splitlines()
    if form == "json":
        assert json.loads(line).items() >= {"part": "superlink", "event": "an unknown key: b'-----'"}.items()
    else:
        assert line.endswith(" superlink an unknown key: b'-----'")
    assert "\x1b" not in line
    assert console_handler.level == logging.WARNING  # which Flower gives to its web server
