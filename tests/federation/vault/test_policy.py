"""A policy is the country's own: what it says is kept, and in doubt nothing is served."""

from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Self

import pytest

from federation.errors import PolicyRefusal
from federation.policy.file import FILE, open_policy, read_policy
from federation.policy.templates import text as template
from federation.settings.parts import TrainingSettings
from federation.settings.plan import PROTECTION, Plan
from federation.settings.values import plain
from federation.strategies.fedavg import FedAvgSettings
from federation.vault import terms
from tests.federation.toy import ToySettings
from tests.federation.vault.requesting import plan_of, refusal, reply_frame, request_bytes, vault_in

WRONG = {
    "unknown key": "minimum_kohort = 30",
    "no TOML": "minimum_cohort = = 3",
    "text for a number": 'minimum_cohort = "30"',
    "true for a number": "maximum_rounds = true",
    "a cohort of none": "minimum_cohort = 0",
    "half a place-period": "minimum_cohort = 1.5",
    "a share of nothing": "largest_term = 0",
    "a share of more than all": "largest_term = 1.5",
    "half a round": "maximum_rounds = 1.5",
    "less than none": "largest_update = -1.0",
    "a word for yes": 'round_scores = "no"',
    "a number for yes": "round_scores = 0",
    "no number at all": "largest_update = nan",
    "one task as text": 'tasks = "health"',
    "numbers for tasks": "tasks = [1]",
    "a table": "[maximum_epochs]\nhealth = 3",
}


def plan(rounds: int = 10, epochs: int = 1) -> Plan:
    training = TrainingSettings(epochs=epochs)
    return Plan(task=ToySettings(), strategy=FedAvgSettings(), training=training, rounds=rounds)


@pytest.mark.usefixtures("toy")
def test_no_model_of_its_own_trains_longer_than_a_country_allows(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    vault.policy = replace(vault.policy, maximum_epochs=5)
    longer = plan_of(local={"VNM": {"training": {"epochs": 6}}}, arms=["federated", "local"])
    assert "refuses 6 epochs" in refusal(vault, request_bytes("train", 1, longer))
    elsewhere = plan_of(local={"THA": {"training": {"epochs": 6}}}, arms=["federated", "local"])
    assert reply_frame(vault, request_bytes("train", 1, elsewhere)).kind == "update"


@pytest.mark.usefixtures("toy")
def test_a_simulated_country_without_a_policy_serves_what_the_template_says(tmp_path: Path) -> None:
    without = open_policy(tmp_path, "VNM")
    assert (without.start, without.largest_step) == ("received", 0)
    assert "toy" in without.tasks
    (tmp_path / FILE).write_text(template("open"))
    assert read_policy(tmp_path, "VNM") == without


def test_a_simulated_country_with_a_policy_keeps_to_it(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("tasks = []")
    assert open_policy(tmp_path, "VNM").tasks == ()


def test_a_node_without_a_policy_serves_nothing(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefusal, match="VNM refuses all requests until it is fixed"):
        read_policy(tmp_path, "VNM")


@pytest.mark.usefixtures("toy")
def test_what_a_policy_says_is_kept(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(
        'tasks = ["toy"]\nminimum_cohort = 50\nmaximum_rounds = 7\nmaximum_epochs = 3\nlargest_update = 2'
    )
    policy = read_policy(tmp_path, "VNM")
    assert (policy.tasks, policy.minimum_cohort, policy.largest_update) == (("toy",), 50, 2)
    assert (policy.maximum_rounds, policy.maximum_epochs) == (7, 3)


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_policy_in_doubt_serves_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text if text.startswith("tasks") else f"tasks = []\n{text}")
    with pytest.raises(PolicyRefusal, match="VNM refuses all requests until it is fixed") as caught:
        read_policy(tmp_path, "VNM")
    assert str(tmp_path / FILE) in str(caught.value)
    assert "\n" not in str(caught.value)


MISTAKES = {
    "minimum_kohort = 30": "unknown key 'minimum_kohort'; did you mean minimum_cohort?",
    'tasks = []\nminimum_cohort = "30"': "minimum_cohort = '30' must be a whole number, 1 or more",
    'tasks = ["helth"]': "tasks: 'helth' is not installed here; did you mean health?",
    "minimum_cohort = 30": 'tasks is missing; add tasks = ["',
}


@pytest.mark.parametrize(("text", "remedy"), MISTAKES.items(), ids=MISTAKES.values())
def test_a_mistake_is_named_with_what_the_key_may_hold(tmp_path: Path, text: str, remedy: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(PolicyRefusal) as caught:
        read_policy(tmp_path, "VNM")
    assert remedy in str(caught.value)


@pytest.mark.usefixtures("toy")
def test_an_empty_list_of_bundles_is_ignored_with_a_notice_and_a_filled_one_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The key is of 0.1.0, whose nodes could run programs that a coordinator shipped."""
    (tmp_path / FILE).write_text('tasks = ["toy"]\nbundles = []\n')
    assert read_policy(tmp_path, "VNM").tasks == ("toy",)
    [notice] = caplog.messages
    assert "`bundles` is ignored" in notice
    assert str(tmp_path / FILE) in notice
    (tmp_path / FILE).write_text(f'tasks = ["toy"]\nbundles = ["{"0" * 64}"]\n')
    with pytest.raises(PolicyRefusal, match=r"`bundles` lists .* delete the line and start a courier") as caught:
        read_policy(tmp_path, "VNM")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", None], ids=["not UTF-8", "a folder"])
def test_a_policy_that_cannot_be_read_serves_nothing(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        (tmp_path / FILE).mkdir()
    else:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(PolicyRefusal, match="VNM refuses all requests until it is fixed"):
        read_policy(tmp_path, "VNM")


@pytest.mark.usefixtures("toy")
def test_so_many_runs_may_begin_within_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = vault_in(tmp_path)
    vault.policy = replace(vault.policy, runs_per_day=2)
    first = request_bytes("train", 1, plan_of(), run="first")
    assert [reply_frame(vault, each).kind for each in (first, request_bytes("train", 1, plan_of(), run="second"))] == [
        "update"
    ] * 2
    assert "refuses another run: 2 began within 24 hours" in refusal(
        vault, request_bytes("train", 1, plan_of(), run="third")
    )
    assert reply_frame(vault, first).kind == "update"  # those that began go on
    assert reply_frame(vault, request_bytes("train", 2, plan_of(), run="second", last_aggregated=1)).kind == "update"
    assert reply_frame(vault_in(tmp_path, "THA"), request_bytes("train", 1, plan_of(), run="third")).kind == "update"

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(datetime.now(tz).timestamp() + 24 * 3600 + 1, tz)

    monkeypatch.setattr("federation.vault.vault.datetime", Tomorrow)
    assert reply_frame(vault, request_bytes("train", 1, plan_of(), run="third")).kind == "update"


@pytest.mark.usefixtures("toy")
def test_no_model_of_its_own_is_trained_as_the_policy_forbids(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    vault.policy = replace(vault.policy, optimizers=("sgd",))
    own = plan_of(local={"VNM": {"training": {"optimizer": "adamw", "momentum": 0.0}}}, arms=["federated", "local"])
    assert "refuses optimizer 'adamw'" in refusal(vault, request_bytes("train", 1, own))


@pytest.mark.parametrize("value", ["inf", "1e300", str(2**70)])
def test_a_number_that_could_not_travel_in_terms_is_none(tmp_path: Path, value: str) -> None:
    (tmp_path / FILE).write_text(f"tasks = []\nlargest_step = {value}\n")
    with pytest.raises(PolicyRefusal, match="largest_step"):
        read_policy(tmp_path, "VNM")


def test_a_template_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('tasks = []\ntemplate = ["open"]\n')
    with pytest.raises(PolicyRefusal, match=r"template = \['open'\] is none of open, guarded"):
        read_policy(tmp_path, "VNM")


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("protection", list(PROTECTION))
def test_terms_say_of_records_what_the_runs_protection_lets_leave(tmp_path: Path, protection: str) -> None:
    plan = plan_of(protection=protection, arms=["federated"])
    claimed = terms.terms(vault_in(tmp_path), plain(plan))["claim"]
    if "sealed" in protection:
        assert claimed is None
    else:
        assert bool(claimed["end"]) == (protection == "none")
