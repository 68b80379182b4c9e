"""A password in a tracking address: shown and written nowhere but in one file that its owner alone reads."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from federation.cli import main
from federation.composition.compose import settings_of
from federation.errors import ConfigError, without_passwords
from federation.runs.simulation import simulate
from federation.settings import address
from federation.settings.address import FILE, Address, whole
from federation.settings.parts import TrackingSettings
from federation.tracking import store
from tests.federation.federations import settings_of as toy_settings

SECRET = "s3cr3t"
DEAD = f"https://anna:{SECRET}@127.0.0.1:1/"


@pytest.mark.parametrize(
    ("whole_one", "shown"),
    [
        (f"postgresql://anna:{SECRET}@db:5432/mlflow", "postgresql://anna:***@db:5432/mlflow"),
        (
            f"postgresql+psycopg2://anna:{SECRET}@{SECRET}@db/mlflow?x=1@2",
            "postgresql+psycopg2://anna:***@db/mlflow?x=1@2",
        ),
        (f"mysql://anna:{SECRET}/{SECRET}@db/mlflow", "mysql://anna:***@db/mlflow"),
        (f"postgresql://db/mlflow?user=anna&password={SECRET}", "postgresql://db/mlflow?user=anna&password=***"),
        (f"refused: {DEAD}api, mail a@b.org", "refused: https://anna:***@127.0.0.1:1/api, mail a@b.org"),
        ("https://mlflow.example:5000/a@b", "https://mlflow.example:5000/a@b"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("sqlite:////srv/a@b/mlflow.db", "sqlite:////srv/a@b/mlflow.db"),
    ],
)
def test_what_is_shown_of_an_address(whole_one: str, shown: str) -> None:
    assert without_passwords(whole_one) == shown


def test_whoever_connects_has_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKING", DEAD)
    for word in (f"tracking.uri={DEAD}", f"tracking.uri='{DEAD}'", "tracking.uri=${oc.env:TRACKING}"):
        uri = settings_of([word]).tracking.uri
        assert (str(uri), whole(uri)) == ("https://anna:***@127.0.0.1:1/", DEAD)


def test_a_store_whose_driver_is_not_installed_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"anna:\*\*\*@db/.*, psycopg: pip install 'gotong\[postgresql\]'"):
        TrackingSettings(uri=f"postgresql://anna:{SECRET}@db/mlflow").check()
    TrackingSettings(uri="sqlite:///mlflow.db").check()


def test_every_byte_that_a_run_writes_and_prints_is_without_the_password(
    tmp_path: Path,
    toy: None,  # noqa: ARG001
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    tracking = TrackingSettings(uri=DEAD, patience=0)
    simulate(replace(toy_settings(tmp_path, ["THA", "VNM"], rounds=1), tracking=tracking))
    where = f"runs={tmp_path / 'runs'}"
    for words in (["replay", "run=run"], ["simulate", f"tracking.url={DEAD}"]):
        with pytest.raises(SystemExit):
            main([*words, where])
    main(["ui", f"tracking.uri={DEAD}", where])
    main(["simulate", "--cfg", "job", f"tracking.uri={DEAD}"])
    printed = "".join(capfd.readouterr())
    assert printed.count("https://anna:***@127.0.0.1:1") >= 4  # the run's end, the replay, `ui` and the settings
    assert SECRET not in printed
    holders = [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert holders == [tmp_path / "runs" / "run" / FILE]
    assert stat.S_IMODE(holders[0].stat().st_mode) == 0o600
    assert Address(DEAD).whole == holders[0].read_text()


@pytest.mark.parametrize("name", ["a?b#c%d", "a%20b", "ไทย Việt, a=(b)'&"])
def test_a_store_may_lie_in_any_folder(tmp_path: Path, name: str) -> None:
    uri = store.address(TrackingSettings(), tmp_path / name)
    assert store.database(uri) == tmp_path / name / "mlflow" / "mlflow.db"
    assert make_url(uri).database == str(tmp_path / name / "mlflow" / "mlflow.db")
    assert store.address(TrackingSettings(uri=f"sqlite:///{tmp_path}/{name}.db"), tmp_path).startswith("sqlite:///")
