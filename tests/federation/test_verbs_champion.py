"""`gotong champion`: from finished runs to a registry, through the rules, and back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from federation.cli import main
from federation.reporting.rows import RESULTS, read_json
from federation.settings.parts import TrackingSettings
from federation.tracking import registry
from federation.tracking.registry import CHAMPION, PREVIOUS
from federation.tracking.store import connect
from tasks.errors import DataError

pytestmark = [
    pytest.mark.long,
    pytest.mark.usefixtures("toy"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]
Simulate = Callable[..., None]
WORDS = ("task=toy", "region.countries=[LAO,THA,VNM]", "rounds=2", "arms=[federated]", "strategy=fedavg")


@pytest.fixture
def simulate(tmp_path: Path) -> Simulate:
    def run(name: str, *words: str) -> None:
        main(["simulate", *WORDS, f"name={name}", f"runs={tmp_path}", "tracking=mlflow", *words])

    return run


def holders(runs: Path) -> dict[str, str]:
    store = connect(TrackingSettings(), runs)
    return {alias: version.run for alias, version in registry.holders(store, "ASEAN toy").items()}


def test_a_champion_is_offered_refreshed_and_rolled_back(
    tmp_path: Path, simulate: Simulate, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = f"runs={tmp_path}"
    with pytest.raises(SystemExit):
        main(["champion", "rollback", "task=toy", "reason=none", runs])
    assert "no previous champion" in capsys.readouterr().err
    simulate("may")
    main(["champion", "offer", "run=may", runs])
    said = capsys.readouterr().out
    assert "run may (version 1) is champion\n  the first champion, of 3 countries (LAO, THA, VNM), without BRN" in said
    assert "a study: it has learnt nothing after 2004-12" in said
    simulate("june", "champion=may", "seed=2")
    main(["champion", "offer", "run=june", runs])
    said = capsys.readouterr().out
    assert "a refresh that is not worse for certain in ASEAN" in said
    assert {line.split()[0] for line in said.splitlines() if "champion " in line} >= {"LAO", "THA", "VNM", "ASEAN"}
    assert holders(tmp_path) == {CHAMPION: "june", PREVIOUS: "may"}
    main(["champion", "offer", "run=june", runs])
    assert "run june is champion already" in capsys.readouterr().out
    simulate("july", "champion=june", "training.lr=0.01")
    for words, why in (
        ((), "chosen_until=YYYY-MM"),
        (("chosen_until=2007-01",), "its recipe was chosen by records until 2007-01"),
    ):
        with pytest.raises(SystemExit):
            main(["champion", "offer", "run=july", runs, *words])
        assert why in capsys.readouterr().err
    main(["champion", "offer", "run=july", "chosen_until=2006-12", runs])
    assert "8 blocks of time that its choice did not use, not 4" in capsys.readouterr().out
    simulate("august")
    with pytest.raises(SystemExit):
        main(["champion", "offer", "run=august", runs])
    assert "run it with champion=june" in capsys.readouterr().err
    assert holders(tmp_path) == {CHAMPION: "june", PREVIOUS: "may"}
    main(["champion", "rollback", "task=toy", "reason=heavy rain", runs])
    assert holders(tmp_path) == {CHAMPION: "may"}
    with pytest.raises(SystemExit):
        main(["champion", "offer", "run=june", runs])
    assert "run june was rolled back: heavy rain; offer a new run" in capsys.readouterr().err
    main(["champion", "show", "task=toy", runs])
    july, june, may = capsys.readouterr().out.splitlines()[-3:]
    assert "8 blocks" in july
    assert "rolled back: heavy rain" in june
    assert "champion" in may
    with pytest.raises(SystemExit):
        main(["champion", "rollback", "task=toy", "reason=again", runs])
    assert "no previous champion" in capsys.readouterr().err


def test_folds_of_operational_runs_are_compared_on_months_that_neither_was_trained_on(
    tmp_path: Path, simulate: Simulate, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = f"runs={tmp_path}"
    for name, *words in (("may", "until=2008-05"), ("june", "until=2008-06", "champion=may")):
        simulate(name, "purpose=operational", *words)
        with pytest.raises(SystemExit):
            main(["champion", "offer", f"run={name}-fold", runs])
        assert f"offer run={name}\n" in capsys.readouterr().err
        with pytest.raises(SystemExit):
            main(["champion", "offer", f"run={name}", runs, "harm=-1"])
        assert "harm=-1" in capsys.readouterr().err
        main(["champion", "offer", f"run={name}", runs])
    said = capsys.readouterr().out
    assert "  a refresh that is" in said  # of a toy, worse or not by chance
    paired = [row for row in read_json(tmp_path / "june-fold" / RESULTS) if row.arm == "federated-champion"]
    assert {row.country for row in paired} == {"ASEAN", "LAO", "THA", "VNM"}
    assert not any("champion" in row.arm for row in read_json(tmp_path / "june" / RESULTS))
    with pytest.raises(SystemExit):
        simulate("april", "purpose=operational", "until=2008-04", "champion=june")
    assert "champion=june rests on records until" in capsys.readouterr().err


def test_what_is_wrong_with_a_run_is_not_blamed_on_the_registry(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"^results\.json is missing$"),
        registry.opened(TrackingSettings(), str(tmp_path), "ASEAN", "toy"),
    ):
        raise DataError("results.json is missing")
