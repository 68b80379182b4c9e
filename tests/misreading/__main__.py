"""`scripts/prove misreading [DATA [COUNT [SEED [KINDS]]]]`: faults into national files in DATA, or into synthetic ones.

KINDS: of faults, with commas between; all of them if none is named.
"""

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.files.check import check, national_files
from tasks.registry import TASKS
from tests.misreading.faults.kinds import FAULTS, NEVER
from tests.misreading.trials import originals, run, table

SILENT = 0.02  # of all faults, at most


def synthetic(folder: Path) -> Path:
    """National files of three synthetic countries, every task's."""
    for country in ("VNM", "LAO", "MYS"):
        for task in TASKS.values():
            (folder / country).mkdir(parents=True, exist_ok=True)
            task.synthesize(folder / country, country, 1, task.settings())
    return folder


def main(words: list[str]) -> int:
    """Print the table, each silent fault and the findings in the files as they are; 1 if the bars are missed."""
    count, seed = (int(word) for word in [*words[1:3], *["2600", "1"][len(words[1:3]) :]])
    kinds = words[3].split(",") if words[3:] else list(FAULTS)
    with TemporaryDirectory() as scratch:
        data = Path(words[0]) if words and words[0] else synthetic(Path(scratch) / "data")
        files = originals(data, Path(scratch) / "excerpts", seed)
        tally = run(files, count, seed, kinds)
        print(*table(tally), "", sep="\n")
        print(*sorted(tally.silent), "", sep="\n")
        rows, alarms = 0, Counter[str]()
        for file in national_files(data):
            rows += file.read_bytes().count(b"\n") - 1
            for problem in check(file, 1000):
                alarms[problem.kind] += 1
                print(problem)
    ordinary = sum(outcomes["ordinary"] for outcomes in tally.counts.values())
    silent = sum(outcomes["silent"] for outcomes in tally.counts.values()) + ordinary
    injected = sum(sum(outcomes.values()) for outcomes in tally.counts.values())
    never = {
        kind: outcomes["silent"] for kind, outcomes in tally.counts.items() if kind in NEVER and outcomes["silent"]
    }
    print(
        f"\n{silent} of {injected} faults passed ({100 * silent / injected:.1f} %), {ordinary} of them ordinary; "
        f"silent of kinds that may not be: {never}; where the country declared yearly sums: {tally.missed.total()}"
    )
    print(f"{sum(alarms.values())} findings in {rows:,} untouched rows: {dict(alarms)}")
    return int(silent > SILENT * injected or bool(never) or sum(alarms.values()) * 1000 > rows)


sys.exit(main(sys.argv[1:]))
