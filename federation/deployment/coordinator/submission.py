"""What a submitted run leaves in files, for the executor's process and for `gotong submit`, which follows it."""

import json
from dataclasses import dataclass
from pathlib import Path

from federation.errors import DeploymentError
from federation.runs import folder as run_folder
from federation.settings.schema import Settings
from federation.settings.values import plain
from tasks.files.atomic import write_atomically

RECORD_ENDS = "record_ends.json"  # country -> the last period of its records
OUTPUT, ENDED = "output.txt", "ended.json"
FLOWER_RUN = "flower.json"  # Flower's number of the run, in the run's folder


@dataclass(frozen=True, kw_only=True)
class Submission:
    """folder: of the run, which exists. width: columns of the follower's screen. resume: from the run's checkpoint.

    terms_only: nothing is trained; the countries' terms are asked, and when their records end is left in RECORD_ENDS.
    explore: nothing is trained; the countries are asked what their records look like.
    """

    settings: Settings
    folder: Path
    width: int
    resume: bool
    terms_only: bool = False
    explore: bool = False


def write(home: Path, submission: Submission) -> None:
    """Leave a submission for the executor's process."""
    values = {
        "settings": plain(submission.settings),
        "folder": str(submission.folder.resolve()),
        "width": submission.width,
        "resume": submission.resume,
        "terms_only": submission.terms_only,
        "explore": submission.explore,
    }
    write_atomically(path_of(home, submission.folder.name), json.dumps(values).encode())


def path_of(home: Path, name: str) -> Path:
    """Where a submission lies in the coordinator's folder."""
    return home / "submissions" / f"{Path(name).name}.json"


def number_of(folder: Path) -> int:
    """Flower's number of a run. Raises DeploymentError."""
    try:
        return int(json.loads((folder / FLOWER_RUN).read_text())["run"])
    except (OSError, ValueError, KeyError):
        raise DeploymentError(f"{folder.name} was not submitted to a coordinator") from None


def resume_hint(folder: Path) -> str:
    """What to do about a run that ended before its time."""
    return (
        f"go on with `gotong submit resume={folder.name}`"
        if run_folder.has_checkpoint(folder)
        else "submit it anew under another name, for it had not begun"
    )
