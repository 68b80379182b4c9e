"""A compliance pack of a deployment: sections from the ledgers of vault and coordinator, and the verbs around them."""

import json
import shutil
from pathlib import Path

import pytest

from federation.cli import main
from federation.deployment import certificates
from federation.deployment.coordinator import members
from federation.runs.folder import LOCK
from federation.runs.report import write_results
from federation.vault.identity import fingerprint
from tests.deployment.pair import Coordinator, Country
from tests.federation.federations import ready, run, settings_of

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.registry import TASKS
    from tests.federation.toy import TOY

    monkeypatch.setitem(TASKS, TOY.name, TOY)


class Parties:
    """A run of VNM, which replied to three requests, and of LAO, which nobody reached; its model is of a simulation."""

    def __init__(self, folder: Path) -> None:
        self.country = Country(folder / "node")
        self.coordinator = Coordinator(self.country)
        for _ in range(3):
            self.coordinator.ask()
        self.coordinator.ask(lambda _: b"no signed reply")
        finished = run(ready(settings_of(folder, ["LAO", "VNM"], rounds=1, name="run")))
        write_results(finished.ready.run, finished.outcome)
        self.runs = folder / "runs"
        shutil.copytree(self.runs / "run", self.runs / "r", ignore=shutil.ignore_patterns("vault.sqlite*"))
        (self.runs / "r" / LOCK).touch()
        self.policy = folder / "records" / "policy.toml"
        self.policy.parent.mkdir()
        self.policy.write_text('tasks = ["toy"]\noptimizers = ["sgd"]\nmaximum_learning_rate = 1\nminimum_clip = 0.0\n')
        self.to, self.sections = folder / "packs", folder / "sections"
        self.section = self.sections / "VNM.json"
        self.roster = folder / "roster.txt"
        key = members.members(self.coordinator.home)["VNM"].verifying_key().public_bytes_raw()
        self.roster.write_text(f"VNM  {fingerprint(key)}\n")

    def sign(self) -> None:
        main(["node", "pack", "run=r", f"policy={self.policy}", f"home={self.country.folder}", f"to={self.section}"])

    def pack(self, *words: str) -> None:
        main(["pack", "run=r", f"to={self.to}", f"home={self.coordinator.home}", f"runs={self.runs}", *words])

    def verify(self, name: str, *words: str) -> int:
        with pytest.raises(SystemExit) as stopped:
            main(["pack", "verify", str(self.to / name), f"roster={self.roster}", *words])
        assert isinstance(stopped.value.code, int)
        return stopped.value.code


@pytest.fixture
def parties(tmp_path: Path, toy: None) -> Parties:  # noqa: ARG001
    return Parties(tmp_path)


def test_members_sign_their_own_sections_and_the_coordinator_the_pack(
    parties: Parties, capsys: pytest.CaptureFixture[str]
) -> None:
    parties.sign()
    key = parties.roster.read_text().split()[1]
    assert f"signed with VNM's key {key}" in capsys.readouterr().out
    parties.pack(f"from={parties.sections}")
    signer = certificates.signer_of(parties.coordinator.home)[0].public_key().public_bytes_raw()
    said = capsys.readouterr().out
    assert f"signed by this coordinator's key {fingerprint(signer)}, and by VNM" in said
    assert "not signed: LAO; they run `gotong node pack run=r`" in said
    for name in ("r.pack.json", "r.pack.html"):
        assert parties.verify(name) == 2
        said = capsys.readouterr().out
        assert "holds: VNM signed its section" in said
        assert "holds: 3 frames left VNM, and the same came to the coordinator" in said
        assert "heads of the ledger of VNM, as named by it and by others" in said
        assert "VNM named its key" in said
        assert "missing: LAO took part, and there is no section of it" in said
        assert "does not hold" not in said
    made = json.loads((parties.to / "r.pack.json").read_bytes())["coordinator"]["section"]
    assert [(each["kind"], each["country"]) for each in made["refusals"]] == [("rejected", "VNM")]
    assert made["asked"] == {"VNM": 4}


def test_whoever_changes_the_file_on_its_way_is_seen(parties: Parties, capsys: pytest.CaptureFixture[str]) -> None:
    parties.sign()
    parties.pack(f"from={parties.sections}")
    path = parties.to / "r.pack.json"
    path.write_bytes(path.read_bytes().replace(b'"bytes":', b'"bytes":1', 1))
    assert parties.verify("r.pack.json") == 1
    assert "does not hold: the coordinator's section: its signature does not fit" in capsys.readouterr().out
    parties.roster.write_text("VNM  SHA256:another\n")
    parties.pack(f"from={parties.sections}")
    assert parties.verify("r.pack.html") == 1
    assert "the roster has another key of it" in capsys.readouterr().out
    (parties.to / "r.pack.html").write_bytes(b"<!DOCTYPE html><p>all is well")
    assert parties.verify("r.pack.html") == 1
    assert "r.pack.html: it is no page that Gotong writes" in capsys.readouterr().err


def test_nobody_signs_for_a_ledger_that_is_not_whole_or_packs_what_another_signed(
    parties: Parties, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*words: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            main([*words])
        assert stopped.value.code == 1
        return capsys.readouterr().err

    node = ("node", "pack", f"policy={parties.policy}", f"home={parties.country.folder}", f"to={parties.section}")
    assert "run=other: nothing of it ever left VNM" in fails(*node, "run=other")
    parties.sign()
    pack = ("pack", "run=r", f"home={parties.coordinator.home}", f"runs={parties.runs}", f"from={parties.sections}")
    signed = json.loads(parties.section.read_bytes())
    parties.section.write_bytes(parties.section.read_bytes().replace(signed["signature"].encode(), b"00" * 64))
    assert "its signature does not fit: it is not what was signed; ask its country for it again" in fails(*pack)
    parties.section.write_text("{}")
    assert "VNM.json: it is no Signed" in fails(*pack)
    heads = parties.country.folder / "vault" / "ledger.heads"
    heads.write_text("".join(heads.read_text().splitlines(keepends=True)[:-1]))
    assert "start the vault, which signs what a crash left unsigned" in fails(*node, "run=r")


def test_the_pack_of_a_run_that_did_not_end_says_so(parties: Parties, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("model.gotong", "results.json"):
        (parties.runs / "r" / name).unlink()
    parties.sign()
    parties.pack(f"from={parties.sections}")
    assert parties.verify("r.pack.html") == 2
    said = capsys.readouterr().out
    assert "missing: the run has not ended: there is no model of it" in said
    assert "holds: 3 frames left VNM" in said
    assert "<strong>The run has not ended</strong>" in (parties.to / "r.pack.html").read_text()
