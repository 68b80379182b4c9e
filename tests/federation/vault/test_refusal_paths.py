"""A refusal says what would do, and not where anything lies on the country's machine."""

from pathlib import Path

import pytest

from federation.vault.refusals import without_paths
from tests.federation.federations import records_in
from tests.federation.toy import ToySettings
from tests.federation.vault.requesting import plan_of, refusal, request_bytes, vault_in

pytestmark = pytest.mark.usefixtures("toy")

SAID = {
    "edit `tasks` in /srv/moh/policy.toml on that node": "edit `tasks` in policy.toml on that node",
    "/srv/moh/policy.toml: Invalid value": "policy.toml: Invalid value",
    "policy=/srv/moh/policy.toml is not there": "policy=policy.toml is not there",
    "[Errno 13] Permission denied: '/srv/moh/health.csv'": "[Errno 13] Permission denied: 'health.csv'",
    "in /srv/my records/policy.toml": "in policy.toml",
    "run r sends model/slope.weight of shape (1, 4)": "run r sends model/slope.weight of shape (1, 4)",
    "rounds and/or epochs, 1/2 of them": "rounds and/or epochs, 1/2 of them",
    "two\nlines": "two?lines",
}


@pytest.mark.parametrize(("text", "said"), SAID.items(), ids=SAID.values())
def test_a_path_becomes_the_name_of_its_file(text: str, said: str) -> None:
    assert without_paths(text, [Path("/srv/my records")]) == said


def test_no_refusal_of_a_policy_tells_where_it_lies(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "ministry of health"
    records_in(folder, ["VNM"], ToySettings())
    for policy in ('tasks = ["health"]', 'tasks = ["toy"]\nmaximum_rounds = 2', 'tasks = ["toy"]\nruns_per_day = 0'):
        (folder / "VNM" / "policy.toml").write_text(policy)
        reason = refusal(vault_in(folder), request_bytes("train", 1, plan_of()))
        assert "in policy.toml on that country's node" in reason
        assert "/" not in reason
        assert str(folder) in caplog.text  # the country's own log says where
        caplog.clear()
