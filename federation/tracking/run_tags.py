"""Tags of a run from its settings: where it came from, what it is of, and what a page must know to draw it."""

import subprocess
from importlib.metadata import version
from pathlib import Path

from federation.settings.schema import AT_NODES, Settings
from federation.tracking.first_sight import BETTER, HEADLINE
from federation.tracking.run_info import COUNTRIES, EVENT, NAME_OF_REGION, TITLE
from tasks.registry import TASKS
from tasks.settings import UNALIGNED


def tags_of(settings: Settings) -> dict[str, str]:
    """All that is known before the first round."""
    task = TASKS[settings.task.name]
    headline, score = next(iter(task.scores.items()))
    event = task.event(settings.task)[0] if task.event else ""
    return {
        **_source(settings),
        "task": task.name,
        "step": settings.task.calendar.step,
        HEADLINE: headline,
        BETTER: score.better,
        TITLE: task.title(settings.task),
        EVENT: event,
        NAME_OF_REGION: settings.region.name,
        COUNTRIES: " ".join(sorted(settings.region.countries)),
        "calendar": UNALIGNED if settings.task.calendar.unaligned else "one cut for all",
    }


def _source(settings: Settings) -> dict[str, str]:
    """The version, its commit with `+` if it was changed, and the verb; MLflow's names and ours."""
    verb = "submit" if settings.data == AT_NODES else "simulate"
    source = {
        "gotong.version": version("gotong"),
        "gotong.code": _git("describe", "--always", "--dirty=+") or version("gotong"),
        "mlflow.source.name": f"gotong {verb}",
        "mlflow.source.type": "LOCAL",
    }
    commit = _git("rev-parse", "HEAD")
    return source | ({"mlflow.source.git.commit": commit} if commit else {})


def _git(*words: str) -> str:
    """What git says of the code's repository; empty where there is none."""
    command = ["git", "-C", str(Path(__file__).parent), *words]
    try:
        git = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return git.stdout.strip() if git.returncode == 0 else ""
