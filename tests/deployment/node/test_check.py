"""What a country can find out alone."""

import json
import re
from contextlib import suppress
from pathlib import Path

import pytest

from federation.cli import main
from federation.deployment.node import check
from tests.deployment.node.country import HEALTH, records, settings_of


def test_a_country_sees_its_own_score_and_every_byte_that_would_leave(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = records(tmp_path)
    common = ["country=SGP", f"data={data}", "training.epochs=1"]
    main(["node", "train", *common, "rounds=1", f"out={tmp_path / 'own.json'}"])
    rows = json.loads((tmp_path / "own.json").read_text())
    assert {row["country"] for row in rows} == {"SGP"}
    assert {"local", "seasonal_persistence"} <= {row["arm"] for row in rows}
    assert "federated" not in {row["arm"] for row in rows}
    capsys.readouterr()
    main(["node", "preview", *common])
    printed = capsys.readouterr().out
    first = printed.splitlines()[:6]
    assert [line.split()[0] for line in first[:5]] == ["who", "task", "leaves", "bytes", "protection"]
    assert first[5] == ""
    assert "SGP, from the national files in" in first[0]
    assert "Monthly dengue per province" in first[1]
    assert "no record and no name of a place" in first[2]
    assert re.search(r"[\d,]{6,} of update, [\d,]{5,} of scores", first[3])
    assert "the coordinator sees this country's update; no number rests on fewer than 24" in first[4]
    module = HEALTH.build_model(HEALTH.settings(), 1)
    for name, value in module.named_parameters():
        assert f"  update/{name}  {'x'.join(map(str, value.shape))}  float32  {4 * value.numel():,} bytes" in printed
    assert "\nscores: " in printed
    assert {path.name for path in tmp_path.iterdir()} >= {"own.json"}
    assert not list(tmp_path.glob("*.sqlite"))  # nothing was released, so nothing is on a ledger


def test_a_policy_holds_for_a_countrys_own_model_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = records(tmp_path)
    (data / "policy.toml").write_text('tasks = ["disaster"]\n')
    with pytest.raises(SystemExit):
        main(["node", "preview", "country=SGP", f"data={data}"])
    assert "SGP refuses task 'health'" in capsys.readouterr().err


def test_a_check_names_what_stands_in_the_way(tmp_path: Path) -> None:
    findings = {finding.what: finding for finding in check.findings(settings_of(tmp_path, data=str(records(tmp_path))))}
    assert findings["key"].good is False  # no home yet: nobody's but to be made
    assert findings["policy"].good
    assert findings["health"].good
    assert "windows of train" in findings["health"].detail
    assert not findings["key"].good
    assert not findings["coordinator"].good


def test_a_check_fails_where_nothing_can_be_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No file of any task that the policy allows, or records of years that no run scores or trains on."""
    data = records(tmp_path)
    (data / "policy.toml").write_text('tasks = ["disaster", "health"]\n')
    findings = {finding.what: finding for finding in check.findings(settings_of(tmp_path, data=str(data)))}
    assert (findings["health"].good, findings["disaster"].good) == (True, None)
    assert "serves" not in findings
    lines = (data / "health.csv").read_text().splitlines()
    (data / "health.csv").write_text("\n".join([lines[0], *(line for line in lines[1:] if line < "2001-03")]) + "\n")
    (data / "policy.toml").write_text('tasks = ["disaster"]\n')
    with pytest.raises(SystemExit) as ended:
        main(["node", "check", "country=SGP", f"data={data}", f"home={tmp_path / 'home'}"])
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert "--  disaster         takes no part" in said.out
    assert "NO  serves           nothing: with these records SGP takes no part in disaster" in said.out
    assert "serves" in said.err


def test_a_check_says_whose_keys_were_accepted_for_sealed_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = records(tmp_path)
    (data / "policy.toml").write_text('template = "sealed"\ntasks = ["health"]\n')
    settings, policy = settings_of(tmp_path, data=str(data)), f"policy={data / 'policy.toml'}"
    assert {finding.what: finding.good for finding in check.findings(settings)}["roster"] is False
    key = "SHA256:" + 43 * "A"
    for words, said in (
        (("country=PHL", f"fingerprint={key}"), "sealed runs with PHL"),
        (("country=PHL", f"fingerprint={key}"), "sealed runs with PHL"),
        (("country=PHL", f"fingerprint=SHA256:{43 * 'B'}"), "ask its operator why the key changed"),
        (("country=PHL", f"fingerprint=SHA256:{43 * 'B'}", "anew=true"), "sealed runs with PHL SHA256:B"),
        (("country=PHX", f"fingerprint={key}"), "PHX"),
        (("country=THA", "fingerprint=SHA256:short"), "fingerprint=SHA256:short is none"),
    ):
        with suppress(SystemExit):
            main(["node", "roster", "accept", *words, policy])
        output = capsys.readouterr()
        assert said in output.out + output.err
    main(["node", "roster", "show", policy])
    assert capsys.readouterr().out == f"PHL  SHA256:{43 * 'B'}\n"
    assert {finding.what: finding.detail for finding in check.findings(settings)}["roster"] == "sealed runs with PHL"
    (data / "roster.txt").write_text("PHL\n")
    with pytest.raises(SystemExit):
        main(["node", "roster", "show", policy])
    assert "roster.txt" in capsys.readouterr().err


def test_whatever_device_there_is_will_do_for_auto(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, data=str(records(tmp_path)), device="auto")
    assert {finding.what: finding.good for finding in check.findings(settings)}["device"] is None
