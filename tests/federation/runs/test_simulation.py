"""Who takes part in a simulation, and what a person is shown before anything is trained."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from federation.coordinator import checkpoint
from federation.errors import CheckpointError, ConfigError, PolicyRefusal
from federation.policy.file import FILE
from federation.runs import folder as run_folder
from federation.runs import simulation
from tasks.errors import DataError
from tests.federation.federations import FOUR, FederationOf, ready, records_in, run, settings_of
from tests.federation.toy import TOY, ToySettings

pytestmark = pytest.mark.usefixtures("toy")


def test_the_order_of_countries_in_the_settings_changes_nothing(federation_of: FederationOf) -> None:
    there, back = federation_of(FOUR), federation_of(FOUR[::-1])
    assert all(there.weights[name].tobytes() == back.weights[name].tobytes() for name in there.weights)
    assert there.outcome.rows == back.outcome.rows


def test_the_seed_decides_everything(federation_of: FederationOf) -> None:
    one, again, other = federation_of(seed=1), federation_of(seed=1), federation_of(seed=2)
    assert all(one.weights[name].tobytes() == again.weights[name].tobytes() for name in one.weights)
    assert one.outcome.rows == again.outcome.rows
    assert not any(one.weights[name].tobytes() == other.weights[name].tobytes() for name in one.weights)


def test_given_records_are_those_that_count(tmp_path: Path, federation_of: FederationOf) -> None:
    data = records_in(tmp_path / "data", FOUR, ToySettings(), seed=7)
    given, synthetic = federation_of(data=str(data), seed=7), federation_of(seed=7)
    assert all(given.weights[name].tobytes() == synthetic.weights[name].tobytes() for name in given.weights)
    assert not (given.ready.run.folder / "data").exists()


def test_countries_without_a_file_are_reported_and_left_out(tmp_path: Path) -> None:
    data = records_in(tmp_path / "data", FOUR[:2], ToySettings())
    prepared = ready(settings_of(tmp_path, data=str(data)))
    assert list(prepared.run.federation.nodes) == ["KHM", "LAO"]
    (note,) = prepared.run.notes
    assert note == f"no toy.csv in {data} for THA, VNM: they do not take part"


def test_a_quorum_of_more_countries_than_have_records_is_refused(tmp_path: Path) -> None:
    data = records_in(tmp_path / "data", FOUR[:2], ToySettings())
    with pytest.raises(ConfigError, match=r"quorum=3 is larger than the 2 countries that have records \(KHM, LAO\)"):
        ready(settings_of(tmp_path, data=str(data), quorum=3))


@pytest.mark.parametrize("there", [True, False])
def test_missing_data_are_reported_with_where_they_should_lie(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "data").mkdir()
    settings = settings_of(tmp_path, data=str(tmp_path / "data"))
    with pytest.raises(DataError) as caught:
        simulation.prepare(settings, tmp_path / "runs" / "run")
    expected = "KHM/toy.csv" if there else "is no folder"
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_region_of_nobody_is_refused_in_words(tmp_path: Path) -> None:
    data = records_in(tmp_path / "data", FOUR, ToySettings())
    with pytest.raises(ConfigError, match="is empty"):
        settings_of(tmp_path, [], data=str(data)).check()


def test_bad_records_stop_a_simulation_before_it_begins(tmp_path: Path) -> None:
    data = records_in(tmp_path / "data", FOUR, ToySettings())
    path = data / "THA" / TOY.file
    path.write_text(path.read_text() + "p0,2009-01,0.5,many\n")
    with pytest.raises(DataError, match=r"THA/toy.csv, row \d+: 'many' is no number"):
        ready(settings_of(tmp_path, data=str(data)))


def test_a_policy_in_doubt_stops_a_simulation_before_it_begins(tmp_path: Path) -> None:
    data = records_in(tmp_path / "data", FOUR, ToySettings())
    (data / "THA" / FILE).write_text("minimum_cohort = many")
    with pytest.raises(PolicyRefusal, match="THA refuses all requests until it is fixed"):
        simulation.prepare(settings_of(tmp_path, data=str(data)), tmp_path / "runs" / "run")


def test_a_country_too_small_for_its_policy_receives_only(federation_of: FederationOf) -> None:
    ran = federation_of(policies={"THA": "minimum_cohort = 100000"})
    alone = federation_of([name for name in FOUR if name != "THA"])
    assert all(ran.weights[name].tobytes() == alone.weights[name].tobytes() for name in ran.weights)
    summaries = {each.country: each for each in ran.reports[0].summaries}
    assert (summaries["THA"].examples, summaries["THA"].refused, summaries["THA"].loss) == (0, None, None)
    assert summaries["THA"].suppressed
    assert {row.n for row in ran.outcome.rows if row.country == "THA"} == {0}


def test_a_run_may_begin_with_the_model_of_another(tmp_path: Path) -> None:
    first = run(ready(settings_of(tmp_path, rounds=2)))
    checkpoint.save_model(first.ready.run.folder, "run", first.outcome.model)
    first.ready.run.folder.rename(first.ready.run.folder.with_name("first"))
    with run_folder.locked(first.ready.run.folder.with_name("first")):
        pass  # as every run that began was
    second = ready(settings_of(tmp_path, rounds=1, start_from="first"))
    assert all(second.run.progress.model[name].tobytes() == first.weights[name].tobytes() for name in first.weights)
    (first.ready.run.folder.with_name("first") / "model.gotong").unlink()
    again = settings_of(tmp_path, rounds=1, start_from="first")
    with pytest.raises(CheckpointError, match="has not ended"):
        simulation.prepare(replace(again, name="third"), tmp_path / "runs" / "third")


def test_a_missing_device_is_reported_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="device=cuda, but torch finds no GPU here"):
        ready(settings_of(tmp_path, device="cuda"))
    with pytest.raises(ConfigError, match="device=auto could change"):
        settings_of(tmp_path, device="auto").check()
    with pytest.raises(ConfigError, match="precision"):
        settings_of(tmp_path, precision="float16").check()


def test_a_run_whose_card_is_gone_does_not_go_on_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would end in other last digits than the run that began."""
    with monkeypatch.context() as card:
        card.setattr(simulation, "device_of", lambda _: torch.device("cpu"))  # the one it trains on here
        begun = run(ready(settings_of(tmp_path, device="cuda", rounds=1)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="run began on device=cuda, and torch finds no such GPU here; resume"):
        simulation.resume(str(tmp_path / "runs"), begun.ready.run.folder)


@pytest.mark.parametrize("engine", ["sequential", "cohort", "auto"])
def test_the_precision_reaches_every_engine(federation_of: FederationOf, engine: str) -> None:
    exact, rough = federation_of(engine=engine), federation_of(engine=engine, precision="bf16")
    gaps = [float(np.abs(exact.weights[name] - rough.weights[name]).max()) for name in exact.weights]
    assert 0 < max(gaps) < 0.05


@pytest.mark.parametrize("silent", [tuple(FOUR), tuple(FOUR[:1])], ids=["all", "one"])
def test_countries_that_keep_their_rounds_to_themselves_are_tested_all_the_same(
    federation_of: FederationOf, silent: tuple[str, ...]
) -> None:
    """If nobody reports scores, the last model is kept; if some do, candidates are compared on those countries."""
    ran = federation_of(keep_best=2, policies=dict.fromkeys(silent, "round_scores = false"))
    open_ = federation_of(keep_best=2)
    assert {row.n for row in ran.outcome.rows} == {row.n for row in open_.outcome.rows}
    summaries = {each.country: each for each in ran.reports[0].summaries}
    assert [name for name in FOUR if summaries[name].loss is None] == list(silent)
    rows = [row for row in ran.reports[0].rows if row.arm == "federated" and row.n]
    assert {row.country for row in rows} == (set() if len(silent) == len(FOUR) else {*FOUR, "ASEAN"} - set(silent))
    assert all(each.examples for each in summaries.values())
    kept = ran.outcome.progress.best
    assert len(kept) == (0 if len(silent) == len(FOUR) else 2)
