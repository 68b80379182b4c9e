"""A node's archive of a toy country: one issue a month by the best possible forecast, which one day goes wrong."""

from pathlib import Path

import numpy as np

from federation.issuing import archive
from federation.issuing.archive import Content, Forecast, Issue
from tasks.data import Panel
from tests.federation.issuing.archive_content import content
from tests.federation.toy import FIRST, TOY, ToySettings

SETTINGS = ToySettings()
COUNTRY = "LAO"


def country(home: Path) -> Path:
    """A folder with the country's records until now."""
    folder = home / "data"
    folder.mkdir(parents=True)
    TOY.synthesize(folder, COUNTRY, 1, SETTINGS)
    return folder


def panel_of(folder: Path) -> Panel:
    return TOY.read(folder, COUNTRY, SETTINGS)


def known_until(folder: Path, month: int, to: Path, corrected: float = 0.0) -> Path:
    """The records of a folder until a month, in a file; the newest value lacks something that comes in later."""
    head, *rows = (folder / TOY.file).read_text().splitlines()
    kept = []
    for place, at, push, target in (row.split(",") for row in rows):
        behind = int((FIRST + month - np.datetime64(at, "M")).astype(int))
        if behind >= 0:
            kept.append(f"{place},{at},{push},{float(target) + corrected * (behind == 0)!r}")
    to.write_text("\n".join([head, *kept]) + "\n")
    return to


def issue(home: Path, folder: Path, month: int, *, error: float = 0.0, corrected: float = 0.0, late: int = 0) -> Issue:
    """The issue of a month, by its number from FIRST. error: added to the best forecast; late: months it was made late.

    Raises what the archive raises.
    """
    origin, scratch = FIRST + month, home / "scratch.csv"
    known_until(folder, month, scratch, corrected)
    windows = TOY.windows(panel_of(folder), SETTINGS)
    windows = windows.take(np.flatnonzero(windows.origin == origin))
    best = TOY.oracle(folder, windows, SETTINGS)
    assert best is not None
    sent = f"{(origin + 1 + late)}-05T12:00:00+00:00"
    forecast = Forecast(
        places=tuple(windows.places[at] for at in windows.place),
        origin=windows.origin,
        due=windows.due,
        values=best + error,
        levels=TOY.levels,
    )
    with archive.locked(home):
        return archive.write(home, _content(home, str(origin), sent, scratch), forecast, {})


def _content(home: Path, origin: str, sent: str, records: Path) -> Content:
    kept = archive.keep_records(home, {TOY.file: records})
    return content(country=COUNTRY, task="toy", origin=origin, as_of=origin, sent=sent, made_at=sent, records=kept)
