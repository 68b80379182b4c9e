"""Breaks gate, vault and calendar in named places; a test turns red each time: `scripts/prove mutants [NAME ...]`.

Every mutant lives in a copy of the tree; the tree itself is never touched. Exit code 1 if one of them survives.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
COPIED = ("federation", "tasks", "configs", "tests", "pyproject.toml")


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """`old` becomes `new` in `file`; `tests` must then fail. What breaks is the name."""

    file: str
    old: str
    new: str
    tests: str


MUTANTS = {
    "months of the excluded period count in the test": Mutant(
        file="tasks/windows.py",
        old='            part[tested & (first <= excluded[1]) & (last >= excluded[0])] = ""\n',
        new="",
        tests="tests/tasks/test_windows.py",
    ),
    "gate lets any array leave": Mutant(
        file="federation/vault/gate.py",
        old="if contract.arrays.get(name) != (value.shape, value.dtype.name):",
        new="if False:",
        tests="tests/federation/vault/test_gate.py",
    ),
    "cohort of one is enough": Mutant(
        file="federation/vault/gate.py",
        old="count >= policy.minimum_cohort",
        new="count >= 1",
        tests="tests/federation/vault/test_gate.py",
    ),
    "one term may be all of a sum": Mutant(
        file="federation/vault/gate.py",
        old="> policy.largest_term * sums[name]",
        new="> sums[name]",
        tests="tests/federation/vault/test_dominance.py",
    ),
    "a difference leaves next to one of its arms": Mutant(
        file="federation/vault/gate.py",
        old="    if name in contract.differences:\n",
        new="    if False:\n",
        tests="tests/federation/vault/test_dominance.py",
    ),
    "updates are not clipped": Mutant(
        file="federation/vault/gate.py",
        old="return min(1.0, policy.largest_update / norm) if policy.largest_update and norm else 1.0",
        new="scale = 1.0",
        tests="tests/federation/vault/test_gate.py",
    ),
    "policy is not checked": Mutant(
        file="federation/vault/doors.py",
        old="    vault.check(request.plan, lambda: request.parameters)\n",
        new="    pass\n",
        tests="tests/federation/vault",
    ),
    "any first weights are trained": Mutant(
        file="federation/vault/lineage.py",
        old="    if request.round == 1 and length(first, came):\n",
        new="    if False:\n",
        tests="tests/federation/vault/test_lineage.py",
    ),
    "a model may move any way": Mutant(
        file="federation/vault/lineage.py",
        old="        if bound and value > bound * (1 + ROUNDING):\n",
        new="        if False:\n",
        tests="tests/federation/vault/test_lineage.py",
    ),
    "any mean of models is tested": Mutant(
        file="federation/vault/lineage.py",
        old="        if seen.get(round_) == model_digest(numpy_of(weights)):\n",
        new="        if True:\n",
        tests="tests/federation/vault/test_lineage.py",
    ),
    "replay is off": Mutant(
        file="federation/vault/doors.py",
        old="    if reply is not None:\n        return Admission",
        new="    if False:\n        return Admission",
        tests="tests/federation/vault",
    ),
    "corrections are fitted on the test": Mutant(
        file="federation/vault/scoring.py",
        old='_enough(records.windows["validation"], least)',
        new='_enough(records.windows["test"], least)',
        tests="tests/federation/vault/test_adaptation.py",
    ),
    "memory is of the round itself": Mutant(
        file="federation/vault/state.py",
        old="SELECT round, memory FROM state WHERE country = ? AND run = ? AND round < ?",
        new="SELECT round, memory FROM state WHERE country = ? AND run = ? AND round <= ?",
        tests="tests/federation/vault/test_state.py",
    ),
    "ledger rows can change": Mutant(
        file="federation/vault/database.py",
        old="BEFORE UPDATE ON ledger\n  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;",
        new="BEFORE UPDATE ON ledger\n  BEGIN SELECT 1; END;",
        tests="tests/federation/vault/test_ledger.py tests/federation/vault/test_database.py",
    ),
    "training sees the test years": Mutant(
        file="tasks/windows.py",
        old='part[last <= train] = "train"',
        new='part[last <= test] = "train"',
        tests="tests/tasks",
    ),
    "small counts are reported": Mutant(
        file="federation/vault/gate.py",
        old="small | dominated",
        new="dominated",
        tests="tests/federation/vault/test_gate.py",
    ),
    "wire version is not looked at": Mutant(
        file="federation/wire/frame.py",
        old="    if version not in accepted:",
        new="    if False:",
        tests="tests/federation/wire/test_frame.py",
    ),
}


def survives(mutant: Mutant, folder: Path) -> bool:
    """Whether the tests stay green on a broken copy. Raises SystemExit if the place is not there any more."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    target = folder / mutant.file
    text = target.read_text()
    if text.count(mutant.old) < 1:
        sys.exit(f"{mutant.file} no longer holds {mutant.old!r}: write the mutant anew")
    target.write_text(text.replace(mutant.old, mutant.new))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests.split()]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        sys.exit(f"the tests of {mutant.file} cannot run: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done.returncode == 0


def main(names: list[str]) -> int:
    """Try the named mutants, or all; 1 if one survives."""
    chosen = {name: mutant for name, mutant in MUTANTS.items() if not names or name in names}
    alive = []
    for name, mutant in chosen.items():
        with TemporaryDirectory() as folder:
            alive += [name] if survives(mutant, Path(folder)) else []
        print(f"{'SURVIVES' if name in alive else 'caught':<9} {name}", flush=True)
    print(f"{len(chosen) - len(alive)} caught, {len(alive)} survived")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
