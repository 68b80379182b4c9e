"""A seeded sample of single faults in small files: kinds that are certain are caught in their row, each time."""

from pathlib import Path

from tasks.files.load import load_form
from tasks.registry import TABLES
from tests.misreading.faults.kinds import FAULTS, NEVER
from tests.misreading.trials import ordinary, originals, run, table
from tests.tasks.meaning.files import SOUND, every, put, written

PERHAPS = {
    "ten times off",
    "hundred or thousand times off",
    "columns exchanged",
}  # of single values, not all can be seen


def test_no_certain_kind_is_silent(tmp_path: Path) -> None:
    for name in SOUND:
        written(tmp_path / "data", name)
    tally = run(originals(tmp_path / "data", tmp_path / "excerpts", 1), 2 * len(FAULTS), 7)
    for kind in NEVER - PERHAPS:
        assert tally.counts[kind]["caught"] == 2, [kind, tally.counts[kind], tally.silent]
    assert sum(outcomes["silent"] for outcomes in tally.counts.values()) <= 4, tally.silent
    assert sum(sum(outcomes.values()) for outcomes in tally.counts.values()) > 40
    assert len(list(table(tally))) == len(FAULTS) + 3


def test_only_a_value_that_its_series_had_in_that_season_is_ordinary(tmp_path: Path) -> None:
    name = "health.csv"
    schema = TABLES[name].schema
    before = load_form(written(tmp_path / "a", name), schema, 100)[0]
    augusts = before["disease_cases"].iloc[7:96:12]
    assert before["time_period"].iloc[19].month == 8
    for value, expected in ((augusts.max(), True), (augusts.max() * 10, False), (augusts.min() / 10, False)):
        changed = written(tmp_path / str(value), name, put(21, "disease_cases", f"{value:.0f}"))
        assert ordinary(before, load_form(changed, schema, 100)[0], name) is expected, value
    year = written(tmp_path / "year", name, every("disease_cases", lambda _: f"{augusts.max():.0f}", 20, 22))
    assert not ordinary(before, load_form(year, schema, 100)[0], name)
