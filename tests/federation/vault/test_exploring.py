"""`gotong explore` at a vault: nothing without the country's word; on the ledger, counted, and the same for all."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from federation.errors import ConfigError, PolicyRefusal
from federation.policy.file import FILE
from federation.policy.templates import policy, values
from federation.reporting.explored import Exploration, number, table
from federation.runs import explore
from federation.settings.values import plain
from federation.vault import gate, ledger
from federation.vault.exploring import of_words, summary_of
from federation.vault.vault import Vault
from federation.verbs.explore import ExploreSettings, look
from federation.wire.frame import Frame, encode
from tasks.data import Panel
from tasks.health.settings import HealthSettings
from tasks.registry import TASKS
from tasks.settings import Calendar
from tests.federation.federations import records_in, settings_of
from tests.federation.toy import TOY, ToySettings
from tests.federation.vault.requesting import plan_of, refusal, reply_bytes, reply_frame, vault_in


def ask(run: str = "look", **plan: object) -> bytes:
    return encode(Frame(kind="explore", header={"run": run, "plan": plain(plan_of(**plan))}))  # type: ignore[arg-type]


def vault_with(folder: Path, lines: str, template: str = "guarded") -> Vault:
    records_in(folder, ["VNM"], ToySettings())
    (folder / "VNM" / FILE).write_text(f'template = "{template}"\ntasks = ["toy"]\n{lines}')
    return vault_in(folder)


def test_a_country_that_did_not_say_so_says_nothing(tmp_path: Path, toy: None) -> None:  # noqa: ARG001
    assert [name for name in ("open", "guarded", "sealed") if values(name)["explore"]] == ["open"]
    assert "its policy has explore = false" in refusal(vault_with(tmp_path / "a", ""), ask())
    sealed = vault_with(tmp_path / "b", "explore = true\n", "sealed")
    assert "its policy wants runs to be sealed" in refusal(sealed, ask())


def test_what_leaves_is_on_the_ledger_and_counted_as_a_run(tmp_path: Path, toy: None) -> None:  # noqa: ARG001
    vault = vault_with(tmp_path, "explore = true\nruns_per_day = 2\n")
    frame = reply_frame(vault, ask())
    assert reply_bytes(vault, ask()) == encode(frame)  # again the same, and no further row
    [row] = ledger.entries(vault.database)
    assert (row.kind, row.run, row.bytes) == ("explored", "look", len(encode(frame)))
    assert set(frame.header) == gate.SUMMARY
    assert frame.arrays == {}
    reply_frame(vault, ask("second"))
    assert "2 began within 24 hours" in refusal(vault, ask("third"))


def test_a_calendar_and_numbers_of_a_request_change_orders_of_magnitude_alone(
    tmp_path: Path,
    toy: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vault = vault_with(tmp_path, "explore = true\n")
    calendar = Calendar(train_until="2003-11", validate_until="2005-12", test_until="2007-12")
    one = reply_frame(vault, ask("one")).header
    other = reply_frame(vault, ask("other", task=ToySettings(calendar=calendar))).header
    assert one["summary"] == other["summary"]
    assert all(count & (count - 1) == 0 for count in other["parts"].values())
    asked = HealthSettings(lags=3, horizons=2, statistics="place", calendar=calendar)
    assert of_words(asked) == HealthSettings(statistics="place")
    read: list[ToySettings] = []

    def noted(folder: Path, country: str, settings: ToySettings) -> Panel:
        read.append(settings)
        return TOY.read(folder, country, settings)

    monkeypatch.setitem(TASKS, "toy", replace(TOY, read=noted))
    summary_of(vault, ToySettings(heterogeneity=0.5, calendar=calendar))
    assert read == [ToySettings()]


def test_the_gate_lets_no_small_number_out() -> None:
    allowed = policy("guarded", "VNM", Path(FILE))
    group = {"first": "2001", "last": "2001", "reported": 23, "expected": 24, "mean": 1.0}
    parts = {"train": 32, "validation": 0, "test": 0}
    header = dict.fromkeys(gate.SUMMARY, "") | {"parts": parts, "summary": {"years": [group], "season": []}}
    with pytest.raises(PolicyRefusal, match="a number of fewer than 24 records may not leave"):
        gate.release_summary(header, allowed)
    group["reported"] = 24
    gate.release_summary(header, allowed)
    with pytest.raises(PolicyRefusal, match="may not leave"):
        gate.release_summary(header | {"places": ["Hanoi"]}, allowed)


@pytest.mark.parametrize("key", ["summary", "parts", "minimum", "objections"])
def test_a_country_that_replies_nonsense_is_one_that_says_nothing(tmp_path: Path, toy: None, key: str) -> None:  # noqa: ARG001
    frame = reply_frame(vault_with(tmp_path, "explore = true\n"), ask())
    assert explore.reply("VNM", encode(frame)).summary is not None
    for wrong in (None, 7.5, "\x1b[2J", [[1]], {"years": 3}):
        said = explore.reply("VNM", encode(replace(frame, header={**frame.header, key: wrong})))
        assert said.refusal.startswith("its reply cannot be read") or key == "objections"
        assert "\x1b" not in said.refusal
    assert explore.reply("VNM", b"GTNG").refusal.startswith("its reply cannot be read")
    marked = replace(frame, header={**frame.header, "summary": {**frame.header["summary"], "end": "[/red]"}})
    one, screen = explore.reply("VNM", encode(marked)), StringIO()
    explored = Exploration(task="toy", title="Toy", unit="", cuts=("2003-11", "2005-12", "2007-12"), countries=(one,))
    Console(file=screen, width=160).print(table(explored))
    assert "[/red]" in screen.getvalue()


def test_a_region_on_one_machine(tmp_path: Path, toy: None) -> None:  # noqa: ARG001
    settings = settings_of(tmp_path, ["LAO", "THA", "VNM"], name="look")
    data = records_in(tmp_path / "data", ["LAO", "THA"], ToySettings())
    (data / "THA" / FILE).write_text('tasks = ["toy"]\n')
    folder = tmp_path / "runs" / "look"
    folder.mkdir(parents=True)
    explored = explore.simulated(replace(settings, data=str(data)), folder)
    by_country = {each.country: each for each in explored.countries}
    assert by_country["LAO"].parts["train"] > 0
    assert "its policy has explore = false" in by_country["THA"].refusal
    assert by_country["VNM"].refusal == "it has no toy.csv"
    table, page = explore.write(folder, explored)
    assert [each["country"] for each in json.loads(table.read_text())["countries"]] == ["LAO", "THA", "VNM"]
    assert page.read_text().count("<svg") == 1
    assert "http" not in page.read_text().replace("http-equiv", "")
    with pytest.raises(ConfigError, match="what is explored is not noised"):
        look(ExploreSettings(task=ToySettings(), strategy=settings.strategy, protection="sealed+differential_privacy"))


def test_a_mean_is_written_as_a_person_writes_it() -> None:
    assert [number(each) for each in (1127.4, 980.2, 12.345, 0.01234)] == ["1,130", "980", "12.3", "0.0123"]
