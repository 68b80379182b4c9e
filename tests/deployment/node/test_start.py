"""What a node does not start without."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from federation.cli import main
from federation.coordinator import checkpoint
from federation.deployment.coordinator.status import outcome_of
from federation.deployment.node.process import prepare
from federation.deployment.node.settings import NodeSettings
from federation.deployment.node.vault_process import read_policy
from federation.errors import ConfigError, DeploymentError
from tests.deployment.node.country import settings_of


def test_a_missing_policy_is_no_consent(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="is not there"):
        read_policy(tmp_path / "policy.toml", "VNM")
    with pytest.raises(DeploymentError, match=r"named policy\.toml"):
        read_policy(tmp_path / "other.toml", "VNM")


def test_a_policy_that_cannot_be_looked_for_is_a_sentence_too(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="let this user read the folder"):  # as root may read all: another error
        read_policy(tmp_path / ("x" * 300) / "policy.toml", "VNM")


@pytest.mark.parametrize("key", ["country", "coordinator"])
def test_an_empty_name_from_an_environment_is_none(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}= is empty"):
        NodeSettings(**{"country": "VNM", "part": "courier", key: ""}).check()  # type: ignore[arg-type]


def test_a_run_that_died_before_its_first_checkpoint_is_not_to_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "early").mkdir()
    assert outcome_of(tmp_path / "early") == "died; submit it anew under another name, for it had not begun"
    (tmp_path / "early" / checkpoint.FILE).touch()
    assert outcome_of(tmp_path / "early") == "died; go on with `gotong submit resume=early`"


def test_a_node_without_a_policy_does_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("it starts"))
    main(["keys", "node", "country=SGP", f"home={tmp_path / 'home'}"])
    capsys.readouterr()
    (tmp_path / "home" / "ca.pem").write_text("of the coordinator")
    for words in ((), ("part=vault",)):
        with pytest.raises(SystemExit) as ended:
            main(["node", "country=SGP", f"data={tmp_path}", f"home={tmp_path / 'home'}", *words])
        said = capsys.readouterr().err
        assert ended.value.code == 1
        assert said.count("\n") == 1
        assert f"`gotong policy template name=guarded country=SGP to={tmp_path / 'policy.toml'}`" in said
    (tmp_path / "SGP").mkdir()
    assert settings_of(tmp_path, data=str(tmp_path)).policy_file == tmp_path / "SGP" / "policy.toml"


def test_a_node_without_key_or_authority_does_not_start(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with pytest.raises(DeploymentError, match="gotong keys node country=SGP"):
        prepare(settings)
    (tmp_path / "n" / "courier").mkdir(parents=True)
    (tmp_path / "n" / "courier" / "node.key").touch()
    with pytest.raises(DeploymentError, match=r"copy ca\.pem from the coordinator"):
        prepare(settings)
    with pytest.raises(ConfigError, match="part=neither is none of both"):
        prepare(replace(settings, part="neither"))
    with pytest.raises(ConfigError, match=r"use part=courier"):
        prepare(replace(settings, part="supernode"))
    with pytest.raises(DeploymentError, match="choose a shorter one"):
        prepare(replace(settings, home=str(tmp_path / ("n" * 100))))


def test_the_supervisors_load_no_flower() -> None:
    for name in ("node", "coordinator"):
        code = f"import sys, federation.deployment.{name}.process; print(*sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        assert not {"flwr", "hydra", "mlflow"} & set(loaded), name
