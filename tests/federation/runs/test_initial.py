"""First weights from a file: every arm begins with them, and no file that was not named begins anything."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from federation.errors import ConfigError
from federation.policy.file import accept, accepted_models
from federation.runs import pooled_arm
from federation.runs.initial import with_initial
from federation.settings.plan import INITIAL
from federation.settings.schema import Settings
from federation.training import sequential
from federation.training.jobs import Job, Result
from federation.vault import doors
from federation.vault.admission import Admission
from federation.vault.round import serve
from federation.vault.vault import Vault
from federation.verbs import pretrain
from federation.verbs.node_accept import AcceptSettings, _accept
from federation.wire.frame import decode
from federation.wire.model import model_digest
from tasks.errors import DataError
from tasks.models.files import read_weights, write_weights
from tests.federation.federations import FOUR, Watching, ready, run, settings_of
from tests.federation.toy import SHIFT, SLOPE
from tests.federation.vault.requesting import model_of, plan_of, reply_frame, request_bytes, vault_in

pytestmark = pytest.mark.usefixtures("toy")
ARMS = ["federated", "local", "personalised", "local_pair", "adapted", "pooled"]


def weights(folder: Path) -> tuple[Path, dict[str, Any]]:
    """A file of weights of the toy's shape, far from any that a seed gives."""
    file = folder / "first.npz"
    made = {SLOPE: torch.full((2, 2), 0.7), SHIFT: torch.tensor([0.3, -0.3])}
    write_weights(file, made)
    return file, {name: value.numpy() for name, value in made.items()}


def starts(settings: Settings, train: list[Job]) -> None:
    """What every job of a run began with in the first round, and the pooled arm's."""

    def keep(jobs: Any, **_: Any) -> list[Result]:
        train.extend(jobs)
        return sequential.run(jobs)

    made = ready(settings)
    vaults = list(made.vaults.values())
    pooled_arm.rows(vaults, made.run.federation.plan, "ASEAN", keep, made.run.federation.initial)
    frames: list[bytes] = []
    request = request_bytes("train", 1, made.run.federation.plan, arrays=named(made.run.progress.model))
    frames += serve([(vault, request) for vault in vaults], keep)
    assert {decode(each).kind for each in frames} == {"update"}


def named(model: Any, prefix: str = "model") -> dict[str, Any]:
    return {f"{prefix}/{name}": value for name, value in model.items()}


def test_every_arm_begins_with_the_weights_of_the_file(tmp_path: Path) -> None:
    file, first = weights(tmp_path)
    jobs: list[Job] = []
    settings = settings_of(tmp_path, FOUR[:2], arms=ARMS, initial_weights=str(file), rounds=1)
    starts(settings, jobs)
    by_arm = {job.arm: job for job in reversed(jobs)}  # the first of each: the pooled arm is trained on afterwards
    assert by_arm.keys() == {"pooled", "federated", "local", "twin"}
    for job in by_arm.values():
        assert {name: value.numpy().tobytes() for name, value in job.start.items()} == {
            name: value.tobytes() for name, value in first.items()
        }, job.arm


def test_who_missed_the_first_round_gets_them_with_its_own(tmp_path: Path) -> None:
    """And trains its own model from them, not from what the others have learnt meanwhile."""
    _, first = weights(tmp_path)
    plan = plan_of(arms=["federated", "local"], initial_digest=model_digest(first))
    arrays = named(model_of(plan, 0.5)) | named(first, INITIAL)
    jobs = doors.admit(vault_in(tmp_path), request_bytes("train", 2, plan, arrays=arrays)).jobs
    local = next(job for job in jobs if job.arm == "local")
    assert all(np.array_equal(local.start[name].numpy(), value) for name, value in first.items())
    other = named(model_of(plan)) | named(model_of(plan), INITIAL)
    refused = reply_frame(vault_in(tmp_path), request_bytes("train", 2, plan, arrays=other, run="other"))
    assert "other first weights than its plan names" in str(refused.header)


def test_the_coordinator_sends_them_to_whoever_is_late_and_to_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = weights(tmp_path)
    made = ready(settings_of(tmp_path, FOUR[:3], initial_weights=str(file), rounds=2))
    late = next(iter(made.vaults.values())).country
    seen: list[tuple[str, bool]] = []
    monkeypatch.setattr(doors, "admit", spied(seen, absent=late))
    run(made, Watching())
    assert [initial for country, initial in seen if country == late] == [False, True, False]
    assert not any(initial for country, initial in seen if country != late)


def spied(seen: list[tuple[str, bool]], absent: str) -> Callable[[Vault, bytes], Admission]:
    """Notes whether a request brings first weights; the absent country refuses the first round."""
    admit = doors.admit

    def noting(vault: Vault, data: bytes) -> Admission:
        frame = decode(data)
        seen.append((vault.country, bool(frame.group(INITIAL))))
        if vault.country == absent and frame.header["round"] == 1:
            raise DataError("not there yet")
        return admit(vault, data)

    return noting


def test_another_file_or_another_model_is_one_line(tmp_path: Path) -> None:
    file, first = weights(tmp_path)
    named_wrongly = settings_of(tmp_path, initial_weights=str(file), initial_digest="0" * 64)
    with pytest.raises(ConfigError, match=f"its digest is {model_digest(first)}, not 0000"):
        ready(named_wrongly)
    write_weights(file, {SLOPE: torch.zeros(3, 2), SHIFT: torch.zeros(2)})
    with pytest.raises(ConfigError, match=r"slope.weight is \(3, 2\) there and is \(2, 2\) here; use the settings of"):
        ready(settings_of(tmp_path, initial_weights=str(file), name="shape"))
    with pytest.raises(ConfigError, match="needs its file"):
        ready(settings_of(tmp_path, initial_digest="0" * 64, name="none"))
    with pytest.raises(ConfigError, match="does not go with transport=int8"):
        settings_of(tmp_path, initial_digest="0" * 64, transport="int8").check()
    with pytest.raises(ConfigError, match=r"does not go with local, .* 1 of the countries .* write '~local'"):
        settings_of(tmp_path, initial_digest="0" * 64, local={"KHM": {}}).check()
    with pytest.raises(DataError, match=r"must end in .safetensors or .npz"):
        ready(settings_of(tmp_path, initial_weights=str(tmp_path / "first.pt"), name="form"))


def written_to(file: Path, settings: Settings) -> pretrain.PretrainSettings:
    return pretrain.PretrainSettings(**vars(settings), to=str(file))


def test_pretraining_writes_a_file_that_an_operator_accepts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "first.npz"
    settings = settings_of(tmp_path, FOUR[:2], rounds=1, name="pretrained")
    pretrain._pretrain(written_to(file, settings))
    digest = capsys.readouterr().out.split("initial_digest=")[1].strip()
    made = {name: value.numpy() for name, value in read_weights(file).items()}
    assert digest == model_digest(made)
    assert any((value != model_of(plan_of())[name]).any() for name, value in made.items()), "it trained"
    with pytest.raises(ConfigError, match="synthetic countries alone"):
        pretrain._pretrain(written_to(file, replace(settings, data=str(tmp_path))))
    vault = vault_in(tmp_path)
    vault.policy = replace(vault.policy, start="seeded")
    plan = replace(with_initial(replace(settings, initial_weights=str(file))).plan(), arms=["federated"])
    assert [each.key for each in vault.objections(plan)] == ["start"]
    vault.policy.path.write_text('template = "guarded"\ntasks = ["toy"]\n')
    _accept(AcceptSettings(model=str(file), policy=str(vault.policy.path)))
    assert digest in accepted_models(vault.policy)
    assert vault.objections(plan) == []
    accept(vault.policy, digest, "twice is once")
