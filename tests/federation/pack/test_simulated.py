"""Packs of runs on one machine: nobody signs them, budgets are held to the plan, and nothing of a record is in them."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from federation.cli import main
from federation.pack import coordinator, simulated
from federation.pack.canonical import canonical
from federation.pack.coordinator import Known
from federation.pack.findings import exit_code
from federation.pack.schema import Pack
from federation.pack.sections import from_bytes, to_bytes
from federation.pack.verify import verify
from federation.runs.folder import LOCK
from federation.runs.report import write_results
from federation.runs.simulation import LEDGER
from federation.settings.parts import PrivacySettings
from federation.settings.plan import NOISED, SEALED
from federation.vault.database import open_database
from tests.federation.federations import ready, run, settings_of
from tests.federation.pack.packs import HERE, Values, section_of

pytestmark = pytest.mark.usefixtures("toy")


def simulated_run(folder: Path, policies: dict[str, str] | None = None, **chosen: Any) -> Path:
    """The folder of a run of one or two countries that has ended."""
    finished = run(ready(settings_of(folder, **chosen), policies))
    write_results(finished.ready.run, finished.outcome)
    (finished.ready.run.folder / LOCK).touch()
    return finished.ready.run.folder


def pack_of(folder: Path) -> Pack:
    return coordinator.pack(folder, Known(), simulated.sections(folder, folder / LEDGER), HERE)


def test_a_simulation_packs_itself_and_says_that_nobody_signed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = simulated_run(tmp_path, countries=["LAO", "VNM"])
    main(["pack", "run=run", f"runs={tmp_path / 'runs'}"])
    assert "a simulation: no country signed, and the pack says so" in capsys.readouterr().out
    for name in ("run.pack.json", "run.pack.html"):
        with pytest.raises(SystemExit) as stopped:
            main(["pack", "verify", str(folder / name)])
        assert stopped.value.code == 2
        said = capsys.readouterr().out
        assert "missing: this run was a simulation on one machine" in said
        assert "missing: LAO has not signed its section" in said
        assert "note: VNM served run run with this plan (by a section that is not shown to be VNM's own)" in said
        assert "does not hold" not in said
    page = (folder / "run.pack.html").read_text()
    assert "<strong>A simulation.</strong>" in page
    assert "<strong>Not signed:</strong> LAO, VNM." in page
    with pytest.raises(SystemExit):
        main(["pack", "run=run", f"runs={tmp_path / 'runs'}", f"from={tmp_path}"])
    assert "run is a simulation, in which no country signs" in capsys.readouterr().err


def test_what_a_ledger_has_of_records_is_not_copied(tmp_path: Path) -> None:
    """Of a run without protection it has the number of examples and the suppressed rows, as the coordinator has."""
    folder = simulated_run(tmp_path, {"VNM": "minimum_cohort = 150\n"}, countries=["LAO", "VNM"])
    query = "SELECT contents FROM ledger WHERE country = 'VNM'"
    contents = [json.loads(each) for (each,) in open_database(folder / LEDGER).execute(query)]
    assert all(each["examples"] for each in contents[:-1])
    assert any(each["suppressed"] for each in contents)
    raw = to_bytes(pack_of(folder)).decode()
    section = section_of(json.loads(raw), "VNM")
    assert not any(f'"{key}"' in raw for key in ("examples", "suppressed", "fingerprint", "loss", "steps"))
    scores = json.loads(raw)["coordinator"]["section"]["model"]["scores"]
    rows = [row for row in json.loads((folder / "results.json").read_text()) if row["part"] == "test"]
    assert {row["country"] for row in rows} == {"ASEAN", "LAO", "VNM"}
    assert len(scores) == sum(row["country"] == "ASEAN" for row in rows) > 0
    assert set(section["released"][0]) == {"round", "form", "bytes", "digest", "at", "rows", "seal"}
    assert section["forms"][0]["arrays"] == {"update/head.bias": [2], "update/slope.weight": [2, 2]}


def test_what_a_run_cost_follows_from_its_plan(tmp_path: Path) -> None:
    cost = PrivacySettings(epsilon=1.0, score_epsilon=0.5)
    chosen = {"protection": NOISED, "arms": ["federated"], "privacy": cost, "rounds": 2}
    folder = simulated_run(tmp_path, {"VNM": "epsilon = 4\n"}, countries=["VNM"], **chosen)
    values = json.loads(to_bytes(pack_of(folder)))
    findings = list(verify(from_bytes(canonical(values)), {}))
    assert exit_code(findings) == 2, findings
    budget = section_of(values, "VNM")["budget"]
    assert 1 < budget["run"] == budget["lifetime"] < 1.5
    assert 2.5 < budget["left"] < 4
    assert "this run cost" not in said(sealed_too(values))
    budget["run"] = budget["lifetime"] = budget["run"] / 2
    assert "does not hold: VNM says that this run cost epsilon" in said(values)
    assert "does not hold: VNM says that this run cost epsilon" in said(sealed_too(values))


def sealed_too(values: Values) -> Values:
    """As if the same had left in a sealed run, whose test is of the round after the last validation.

    A run of three countries would show the same, and asks the accountant for a minute.
    """
    made = copy.deepcopy(values)
    own, section = made["coordinator"]["section"], section_of(made, "VNM")
    own["plan"] = own["plan"].replace(f'"{NOISED}"', f'"{SEALED}+{NOISED}"')
    for form in section["forms"]:
        form["kind"] = "sealed_round"
    section["released"][-1]["round"] = 4
    return made


def said(values: Values) -> str:
    return "\n".join(map(str, verify(from_bytes(canonical(values)), {})))
