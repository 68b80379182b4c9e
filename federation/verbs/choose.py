"""`gotong choose sweep=NAME base=RECIPE to=FILE`: a recipe from the trials of a search, the same for all arms."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from federation.composition.compose import compose
from federation.coordinator import checkpoint
from federation.errors import ConfigError
from federation.reporting.rows import RESULTS, read_json
from federation.reporting.score_table import number
from federation.studies.recipe_choice import Choice, Trial, choose
from federation.tracking.run_state import state
from federation.verbs.word_checks import file_to_write, required
from tasks.files.atomic import write_atomically


@dataclass  # not frozen: Hydra merges it
class ChooseSettings:
    """Which search, the recipe its trials rest on, and where the new one goes; without `to` it is only shown.

    sweep: the name of the search's runs. base: the recipe that its trials rest on. to: a YAML file for the new recipe.
    """

    sweep: str | None = None
    base: str | None = None
    runs: str = "runs"
    to: str | None = None


def run(words: Sequence[str]) -> None:
    """Print who chose what; write the recipe."""
    compose("choose", words, ChooseSettings, _choose)


def _choose(settings: ChooseSettings) -> None:
    sweep = required(
        settings.sweep, "say which search: sweep=NAME, as the runs of gotong simulate experiment=search/..."
    )
    to = None if settings.to is None else file_to_write("to", settings.to)
    trials = list(_trials(Path(settings.runs), sweep))
    if not trials:
        raise ConfigError(
            f"{settings.runs} holds no run of sweep={sweep}; begin with gotong simulate experiment=search/..."
        )
    choice = choose(trials)
    console = Console(highlight=False)
    console.print(_table(choice, f"{len(trials)} trials of {sweep}"))
    if to is not None:
        base = required(settings.base, "say what the trials rest on: base=NAME, as in configs/recipe")
        write_atomically(to, _recipe(choice, sweep, base, len(trials)).encode())
        console.print(f"written: {to}; use it with recipe={to.stem}", soft_wrap=True)


def _trials(runs: Path, sweep: str) -> Iterator[Trial]:
    """Every run of the sweep. Raises ConfigError for one that has not ended, CheckpointError or DataError."""
    for path in sorted(runs.glob(f"*/{checkpoint.FILE}")):
        header = checkpoint.read_header(path)
        if header["settings"].get("sweep") != sweep:
            continue
        folder = path.parent
        if state(folder) != "FINISHED":
            raise ConfigError(f"trial {folder.name} has not ended; the command that began the search goes on with it")
        rows = read_json(folder / RESULTS)
        yield Trial(name=folder.name, settings=header["settings"], countries=header["countries"], rows=rows)


def _table(choice: Choice, title: str) -> Table:
    sheet = Table(title=title, caption="*: too few scores may leave, so all own models together chose")
    for name in ("model", *choice.varied, "score"):
        sheet.add_column(name, justify="left" if name == "model" else "right")
    picks = [("federated", choice.federated), *((f"{country} alone", pick) for country, pick in choice.local.items())]
    for name, pick in picks:
        sheet.add_row(name, *map(str, choice.varied_settings(pick).values()), number(pick.value) + "*" * pick.by_region)
    return sheet


def _recipe(choice: Choice, sweep: str, base: str, trials: int) -> str:
    years = choice.federated.trial.settings["task"]["calendar"]
    lines = [
        "# @package _global_",
        f"# Chosen by `gotong choose` from {trials} trials of {sweep}: trained to {years['train_until']},",
        f"# compared after {years['validate_until']}, until {years['test_until']}. local: who chose otherwise.",
    ]
    values = json.loads(json.dumps({"defaults": [base, "_self_"], **choice.recipe()}))  # no list twice: no aliases
    return "\n".join(lines) + "\n" + yaml.safe_dump(values, sort_keys=False, default_flow_style=None, width=120)
