"""Skill experiments and the page of results, by the command line, on synthetic countries."""

from pathlib import Path

import pytest

from federation.verbs import results, simulate
from tests.federation.test_cli import gotong

# What MLflow 3.17 warns itself of: how it declares tables, and its own type hints.
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]
SMALL = ["region.countries=[LAO,THA]", "rounds=1", "task.hidden=[]", "engine=sequential"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of the health experiment, and one with a country held out."""
    folder = tmp_path_factory.mktemp("skill") / "runs"
    words = ["experiment=skill/health", f"runs={folder}", *SMALL]
    simulate.run([*words, "hydra.sweeper.params.seed='1,2'"])
    simulate.run([*words, "hydra.sweeper.params.seed=1", "hold_out=[LAO]", "quorum=1", "sweep=cold"])
    return folder


def test_one_command_runs_all_arms_and_seeds_and_one_makes_the_page_of_them(runs: Path, tmp_path: Path) -> None:
    results.run([f"runs={runs}", f"to={tmp_path / 'docs' / 'results.md'}"])
    assert "(results/health.md)" in (tmp_path / "docs" / "results.md").read_text("utf-8")
    page = (tmp_path / "docs" / "results" / "health.md").read_text("utf-8")
    assert "made by `gotong simulate experiment=skill/health data=FOLDER`" in page
    assert "Seeds 1, 2; 1 rounds of fedavg, weights equal." in page
    for arm in ("local", "local adapted", "local pair", "federated", "personalised", "adapted", "pooled", "oracle"):
        assert f"| {arm} |" in page
    assert "**geometric mean**" in page
    assert "adapted is at most .76 of flat persistence" in page
    assert "## Cold start" in page
    assert "| LAO |" in page.split("## Cold start")[1]
    assert "s of one core" in page
    (picture,) = (tmp_path / "docs" / "results").glob("*.png")
    assert f"({picture.name})" in page
    assert picture.stat().st_size < 200_000


def test_the_page_can_be_had_from_mlflow_alone(runs: Path, tmp_path: Path) -> None:
    results.run([f"runs={runs}", f"to={tmp_path / 'a.md'}"])
    tables = list(runs.glob("*/results.json"))
    assert len(tables) == 3
    for table in tables:
        table.rename(table.with_suffix(".gone"))
    results.run([f"runs={runs}", f"to={tmp_path / 'b.md'}"])
    for page in ("a.md", "a/health.md"):
        assert (tmp_path / page).read_text("utf-8").replace("(a/", "(b/") == (
            tmp_path / page.replace("a", "b", 1)
        ).read_text("utf-8")


def test_a_folder_without_experiments_is_one_line(tmp_path: Path) -> None:
    done = gotong(tmp_path, "results")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("gotong: runs holds no experiments; simulate something there first")
    assert done.stderr.count("\n") == 1
