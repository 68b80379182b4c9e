"""A run as a scientist wants it: its table, its history, its model, forecasts from it, and its page."""

import json
from dataclasses import asdict
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from federation.api import forecasts
from federation.composition.restore import restore
from federation.coordinator import checkpoint
from federation.errors import ConfigError
from federation.forecasting import FEDERATED, VAULT, memory_in
from federation.pages import run_page, run_report
from federation.reporting import rows
from federation.runs import folder as run_folder
from federation.settings.schema import AT_NODES, Settings
from federation.tracking import progress
from federation.vault.own_models.local_model import FINAL, under_prefix
from tasks.models.weights import built, trainable
from tasks.registry import TASKS

COLUMNS = [*rows.Row.__annotations__]


class FinishedRun:
    """A run under a folder of runs, read when something of it is asked for. output: what the command line says."""

    def __init__(self, folder: Path, output: str = "") -> None:
        self.folder, self.output = folder, output

    def __repr__(self) -> str:
        return f"<run {self.name} in {self.folder.parent}>"

    @property
    def name(self) -> str:
        """Of the run, which names its folder."""
        return self.folder.name

    @cached_property
    def settings(self) -> Settings:
        """With which it began. Raises CheckpointError."""
        header = checkpoint.read_header(self.folder / checkpoint.FILE)
        return restore(Settings, header["settings"], "checkpoint")

    @property
    def table(self) -> pd.DataFrame:
        """Its scores: a line for a country (or the region), an arm, a score and a horizon, with its 95 % interval.

        `part` is 'test', or 'paired' for differences of two arms. Raises DataError for a run that has not ended.
        """
        return pd.DataFrame([asdict(row) for row in rows.read_json(self.folder / rows.RESULTS)], columns=COLUMNS)

    @property
    def history(self) -> pd.DataFrame:
        """A line a round: countries, loss, bytes, and the region's headline score of every arm in validation years."""
        done = [asdict(each) for each in progress.follow(self.folder, 0.0, sleep=_do_not_wait)]
        lines = [each | each.pop("scores") | {"without": ", ".join(each["without"])} for each in done]
        return pd.DataFrame(lines).drop(columns=["left", "rounds"], errors="ignore")

    @property
    def model(self) -> nn.Module:
        """The kept federated model, in evaluation mode: (inputs, None) -> (N, H, K).

        Raises CheckpointError for a run that has not ended, ConfigError where countries keep a part of the model.
        """
        weights = {name: torch.from_numpy(value) for name, value in checkpoint.load_model(self.folder).items()}
        return self._with(weights, f"ask for one country's: run.model_of({self._a_country()!r})")

    def model_of(self, country: str) -> nn.Module:
        """The federated model as a country tested it, with the weights that never left it (strategy.private).

        Raises ConfigError for a country whose vault is not under this run, or that did not test.
        """
        file = self.folder.parent / (self.settings.fold or self.name) / VAULT
        weights = under_prefix(f"{FINAL}{FEDERATED}", memory_in(file, country, self.name))
        if not weights:
            raise ConfigError(f"{file} keeps no model of run {self.name} in {country}; a node keeps its own")
        return self._with(weights, "its vault is of another run")

    def forecast(self, country: str, data: str | Path | None = None, **keys: Any) -> pd.DataFrame:
        """The newest forecast that a country's records allow; see `federation.forecast`.

        data: the folder that holds one folder a country; None: what the run was made from.
        """
        return forecasts.forecast(self.folder, country, self._data() if data is None else Path(data), keys)

    @property
    def report(self) -> "Page":
        """What came out, for people: shown by a notebook; `report.data` has its numbers. Raises DataError."""
        if not (self.folder / run_page.PAGE).exists():
            run_page.write(self.folder)
        return Page(self.folder / run_page.PAGE)

    def _with(self, weights: dict[str, torch.Tensor], remedy: str) -> nn.Module:
        model = built(TASKS[self.settings.task.name], self.settings.task, self.settings.seed)
        if lacking := sorted(trainable(model).keys() - weights.keys()):
            raise ConfigError(f"run {self.name} has no {', '.join(lacking)} outside of the countries; {remedy}")
        model.load_state_dict(weights, strict=False)
        return model

    def _data(self) -> Path:
        data = self.settings.data
        if data == AT_NODES:
            raise ConfigError(f"the records of run {self.name} are at its nodes; say where yours lie: data=FOLDER")
        return self.folder / "data" if data is None else Path(data)

    def _a_country(self) -> str:
        return str(checkpoint.read_header(self.folder / checkpoint.FILE)["countries"][0])


class Page:
    """A page for people. path: the file; data: its numbers, as they stand in the JSON next to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return str(self.path)

    @property
    def data(self) -> dict[str, Any]:
        """The numbers of the page."""
        numbers: dict[str, Any] = json.loads((self.path.parent / run_report.FILE).read_text(encoding="utf-8"))
        return numbers

    def _repr_html_(self) -> str:
        page = escape(self.path.read_text(encoding="utf-8"), quote=True)
        return f'<iframe srcdoc="{page}" width="100%" height="700" style="border:0"></iframe>'


def existing(name: str, runs: str) -> FinishedRun:
    """A run that began. Raises ConfigError, naming the runs there are."""
    return FinishedRun(run_folder.existing(runs, name))


def _do_not_wait(seconds: float) -> None:
    """A run that goes on is read as far as it is."""
