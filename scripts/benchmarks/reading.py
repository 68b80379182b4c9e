"""`scripts/bench reading [MEGABYTES]`: time and memory of imports: a wide workbook of 300 districts and 20 years of
months, and a list of persons of so many megabytes (200 if none are named), each in a process of its own.

Prints seconds of the processor (a busy machine does not change them) and the peak of the resident memory, MiB.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.mapping.mapping import write
from tasks.mapping.propose import LOOK, proposal
from tasks.sheets.sheet import sheets
from tests.tasks.sheets.workbooks import write_xlsx

IMPORT = """
import resource, sys, time
from pathlib import Path
from tasks.mapping.imports import import_mapped

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
done = import_mapped(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])).reports[0]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
print(f"{done.records:,} rows -> {done.kept:,}; {time.process_time():.1f} s, {peak:.0f} MiB ({before:.0f} before)")
"""


def wide(folder: Path) -> Path:
    """300 districts, a column a month of 2001 to 2020."""
    months = [f"{year}-{month:02d}" for year in range(2001, 2021) for month in range(1, 13)]
    rows = [[f"District {at:03d}", *((at * 7 + n * 13) % 97 for n in range(len(months)))] for at in range(300)]
    return write_xlsx(folder / "wide.xlsx", {"Dengue": [["District", *months], *rows]})


def persons(folder: Path, megabytes: int) -> Path:
    """A list of persons, ten columns."""
    lines = [
        f"{n:09d},Somchai Saetang,{'mf'[n % 2]},{n % 90},{2005 + n % 16}-{n // 16 % 12 + 1:02d}-{n % 28 + 1:02d},"
        f"Province {n % 77:02d},0812345678,Dengue haemorrhagic fever,Hospital of the district,discharged\n"
        for n in range(20_000)
    ]
    block, path = "".join(lines), folder / "persons.csv"
    with path.open("w") as text:
        text.write("Case id,Name,Sex,Age,Date onset,Province,Phone,Diagnosis,Hospital,Outcome\n")
        for _ in range(max(megabytes * 2**20 // len(block), 1)):
            text.write(block)
    return path


def main(megabytes: int = 200) -> None:
    """Measure both."""
    with TemporaryDirectory() as scratch:
        for path in (wide(Path(scratch)), persons(Path(scratch), megabytes)):
            by = path.with_suffix(".yaml")
            write(proposal(sheets(path, LOOK)[0], "health", "THA").mapping, by)
            words = [sys.executable, "-c", IMPORT, str(path), str(by), str(path.with_suffix(""))]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            print(f"{path.name}, {path.stat().st_size / 2**20:.0f} MiB: {done.stdout.strip()}")


main(*map(int, sys.argv[1:]))
