"""Breaks the code in named places and shows that a test turns red each time: `python tests/mutants.py [NAME ...]`.

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
    "differences leave without being asked for": Mutant(
        file="federation/vault/requests.py",
        old='frame.kind == "test" and frame.header.get("paired") is True',
        new="True",
        tests="tests/federation/vault/test_differences.py",
    ),
    "the region's difference rests on what a country withheld": Mutant(
        file="federation/vault/vault.py",
        old="each.where(gate.enough(each.count.sum(axis=0), self.policy))",
        new="each",
        tests="tests/federation/runs/test_regional_differences.py",
    ),
    "few blocks are taken for many": Mutant(
        file="tasks/evaluation/paired_difference.py",
        old="stdtrit(np.maximum(number - 1, 1), 0.975)",
        new="1.96",
        tests="tests/tasks/evaluation/test_paired_difference.py",
    ),
    "a country's own end is the region's": Mutant(
        file="federation/vault/records.py",
        old="    if settings.calendar.unaligned:\n",
        new="    if False:\n",
        tests="tests/federation/vault/test_differences.py",
    ),
    "an unaligned run is called fair": Mutant(
        file="federation/coordinator/evaluation.py",
        old="UNALIGNED if plan.task.calendar.unaligned else part",
        new="part",
        tests="tests/federation/runs/test_labels.py",
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
    "updates are not clipped": Mutant(
        file="federation/vault/gate.py",
        old="return min(1.0, policy.largest_update / norm) if policy.largest_update and norm else 1.0",
        new="scale = 1.0",
        tests="tests/federation/vault/test_gate.py",
    ),
    "policy is not asked": Mutant(
        file="federation/vault/vault.py",
        old="        self.policy.check(request.task.name, plan, request.parameters)\n",
        new="        pass\n",
        tests="tests/federation/vault",
    ),
    "replay is off": Mutant(
        file="federation/vault/vault.py",
        old="        if reply is not None:\n            return Admission",
        new="        if False:\n            return Admission",
        tests="tests/federation/vault",
    ),
    "corrections are fitted on the test": Mutant(
        file="federation/vault/scoring.py",
        old='_enough(records.windows["validation"], least)',
        new='_enough(records.windows["test"], least)',
        tests="tests/federation/vault/test_adaptation.py",
    ),
    "corrections are not shrunk": Mutant(
        file="federation/vault/adaptation.py",
        old="1 / (1 + doubt)",
        new="1.0",
        tests="tests/federation/vault/test_adaptation.py",
    ),
    "a country held out is trained on": Mutant(
        file="federation/vault/vault.py",
        old="self.country not in plan.hold_out and ",
        new="",
        tests="tests/federation/runs/test_worth.py",
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
    "ledger says nothing twice": Mutant(
        file="federation/vault/ledger.py",
        old="        if known[0] != entry.digest:",
        new="        if False:",
        tests="tests/federation/vault/test_ledger.py",
    ),
    "training sees the test years": Mutant(
        file="tasks/windows.py",
        old='part[last <= train] = "train"',
        new='part[last <= test] = "train"',
        tests="tests/tasks",
    ),
    "spread is fitted on all years": Mutant(
        file="tasks/windows.py",
        old="return int(np.count_nonzero(periods <= calendar.months()[0]))",
        new="return len(periods)",
        tests="tests/tasks",
    ),
    "penalty pulls twice": Mutant(
        file="federation/strategies/fedprox.py",
        old="return mu / 2 * torch",
        new="return mu * torch",
        tests="tests/federation/strategies",
    ),
    "control variates are not applied": Mutant(
        file="federation/strategies/scaffold.py",
        old="return {name: value - memory[name] for name, value in shared.items()}",
        new="return {name: 0 * value for name, value in shared.items()}",
        tests="tests/federation/strategies",
    ),
    "weights are all equal": Mutant(
        file="federation/coordinator/aggregation.py",
        old='{"examples": float(update.examples),',
        new='{"examples": 1.0,',
        tests="tests/federation",
    ),
    "arrival order decides": Mutant(
        file="federation/coordinator/aggregation.py",
        old="ordered = sorted((update for update in updates if update.examples), key=lambda update: update.country)",
        new="ordered = [update for update in updates if update.examples]",
        tests="tests/federation/coordinator tests/federation/strategies",
    ),
    "NaN reaches the model": Mutant(
        file="federation/coordinator/checks.py",
        old='        if not np.isfinite(value).all():\n            raise UpdateRejected(f"{country}: {what}',
        new='        if False:\n            raise UpdateRejected(f"{country}: {what}',
        tests="tests/federation/coordinator",
    ),
    "one country makes a round": Mutant(
        file="federation/coordinator/rounds.py",
        old="if len(counted) >= settings.quorum and share >= settings.quorum_share:",
        new="if counted:",
        tests="tests/federation/coordinator",
    ),
    "seed forgets the country": Mutant(
        file="federation/vault/vault.py",
        old="seed=seed_of(plan.seed, self.country, request.round, arm),",
        new="seed=seed_of(plan.seed, request.round, arm),",
        tests="tests/federation",
    ),
    "average of averages": Mutant(
        file="tasks/evaluation/scores.py",
        old="return {name: np.sum([part[name] for part in collected], axis=0) for name in collected[0]}",
        new="return {name: np.mean([part[name] for part in collected], axis=0) for name in collected[0]}",
        tests="tests/tasks",
    ),
    "server forgets its momentum": Mutant(
        file="federation/coordinator/rounds.py",
        old="    aggregation.give_memory(server, progress.server)\n",
        new="",
        tests="tests/federation",
    ),
    "damaged checkpoint is trusted": Mutant(
        file="federation/coordinator/checkpoint.py",
        old="    if bytes.fromhex(digest(data)) != seal:",
        new="    if False:",
        tests="tests/federation/coordinator",
    ),
    "a compiled step forgets the rate": Mutant(
        file="federation/training/cohort/compiled.py",
        old="own[name].sub_(rate * gradient)",
        new="own[name].sub_(gradient)",
        tests="tests/federation/training/cohort/test_compiled.py",
    ),
    "filling rows count as examples": Mutant(
        file="federation/training/per_example.py",
        old="own = {name: _kept(one, rows < size) for name, one in found.items()}",
        new="own = dict(found)",
        tests="tests/federation/training/test_per_example.py",
    ),
    "another unit passes for tonnes": Mutant(
        file="tasks/agriculture/schema.py",
        old="((mean < low) | (mean > high))",
        new="(mean < low)",
        tests="tests/tasks/test_agriculture_schema.py",
    ),
    "few events are told": Mutant(
        file="federation/vault/gate.py",
        old=" & ~few",
        new="",
        tests="tests/federation/vault/test_gate.py",
    ),
    "scores of two blocks have a spread": Mutant(
        file="tasks/evaluation/scores.py",
        old="number >= FEWEST_BLOCKS",
        new="number >= 2",
        tests="tests/tasks/evaluation/test_scores.py",
    ),
    "runs of a day are not counted": Mutant(
        file="federation/vault/vault.py",
        old="self.policy.check_begun(others)",
        new="pass",
        tests="tests/federation/vault/test_policy.py",
    ),
    "rounds tell scores against the policy": Mutant(
        file="federation/vault/gate.py",
        old="if not outgoing.last and not policy.round_scores:",
        new="if False:",
        tests="tests/federation/vault/test_gate.py",
    ),
    "wire version is not looked at": Mutant(
        file="federation/wire/frame.py",
        old="    if version not in ACCEPTED:",
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
