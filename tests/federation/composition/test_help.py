"""`gotong VERB --help` explains every key of its verb, in the words of the settings."""

from importlib import import_module
from typing import Any

import pytest

from federation.cli import VERBS, main
from federation.composition import help
from federation.composition.register import options_of


def test_every_key_of_every_verb_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    explained: dict[str, list[tuple[str, str, str]]] = {}

    def instead(verb: str, schema: type[Any], words: Any = ()) -> str:  # noqa: ARG001
        options = options_of(schema)
        schemas = {group: node for group in help.GROUPS for node in options.get(group, {}).values()}
        explained[verb] = list(help.keys(schema, schemas))
        return ""

    monkeypatch.setattr(help, "text", instead)
    for verb in VERBS:
        import_module(f"federation.verbs.{verb.replace(' ', '_')}").run(["--help"])
    assert set(explained) == set(VERBS)
    assert [(verb, key) for verb, keys in explained.items() for key, _, meaning in keys if not meaning] == []
    assert len(explained["simulate"]) > 60
    assert len({meaning for keys in explained.values() for _, _, meaning in keys}) > 200


def test_the_page_of_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    main(["simulate", "--help", "task=disaster"])
    page = capsys.readouterr().out
    assert page.startswith("train one model over all member states on this machine\n")
    page = " ".join(page.split())  # as wide as the screen is
    assert "task= one of health" in page
    for line in (
        "rounds=12",
        "task.calendar.train_until=",
        "region.facilities=0",
        "below are the keys of task=disaster",
    ):
        assert line in page
    for verb, key in (("data import", "map=null"), ("keys enrol", "from="), ("pack", "from=null")):
        main([*verb.split(), "--help"])
        assert f"  {key} " in capsys.readouterr().out
