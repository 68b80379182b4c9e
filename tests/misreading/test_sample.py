"""A seeded sample of single faults in small files: kinds that are certain are caught in their row, each time."""

from pathlib import Path

from tests.misreading.faults.kinds import FAULTS, NEVER
from tests.misreading.trials import originals, run, table
from tests.tasks.meaning.files import SOUND, written

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
