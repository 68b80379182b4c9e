"""From the trials of a search to a recipe: the best one for the federated model, and the best for each country's own.

All arms see the same trials. The federated model is chosen by the region's score; a country's own by that country's
score as it left the vault, or, where too few forecasts were scored for it to leave, by that of all own models together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from federation.composition.restore import flat, own_keys, restore
from federation.errors import ConfigError
from federation.reporting.rows import Row
from federation.reporting.score_table import FEDERATED, LOCAL, headline_rows, is_region
from federation.settings.schema import Settings
from tasks.evaluation.score import Score
from tasks.registry import TASKS

NOT_LEARNT = (
    "name",
    "sweep",
    "runs",
    "out",
    "resume",
    "tracking",
    "data",
)  # settings that change nothing of what is learnt


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One finished run of a search. settings: as plain values; countries: all who took part; rows: its results."""

    name: str
    settings: Mapping[str, Any]
    countries: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class Pick:
    """The trial that is best for somebody, its score there, and whether the region chose for a country."""

    trial: Trial
    value: float
    by_region: bool = False


@dataclass(frozen=True, kw_only=True)
class Choice:
    """federated: the pick of the region; local: country -> pick. varied: dotted keys in which the trials differ."""

    federated: Pick
    local: Mapping[str, Pick]
    varied: Sequence[str]

    def recipe(self) -> dict[str, Any]:
        """Settings of a run that uses it all, nested; own models that chose as the region did are left out."""
        own = {country: self.varied_settings(pick) for country, pick in self.local.items()}
        federated = self.varied_settings(self.federated)
        return {
            **_nested(federated),
            "local": {country: _nested(each) for country, each in own.items() if each != federated},
        }

    def varied_settings(self, pick: Pick) -> dict[str, Any]:
        """The settings of its trial that vary: dotted key -> value."""
        values = flat(pick.trial.settings)
        return {key: values[key] for key in self.varied}


def choose(trials: Sequence[Trial]) -> Choice:
    """The choice. Of equals the first by name counts, so that the same trials give the same recipe.

    Raises ConfigError for trials that are no search, or in which nothing was scored.
    """
    trials = sorted(trials, key=lambda trial: trial.name)
    if len(trials) < 2:
        raise ConfigError(f"a search has two trials or more, here is {len(trials)}")
    varied, task = _varied(trials), TASKS[trials[0].settings["task"]["name"]]
    headline, score = next(iter(task.scores.items()))
    region = next((row.country for row in trials[0].rows if is_region(row.country)), "")
    federated = _best(trials, region, FEDERATED, headline, score)
    all_own_models = _best(trials, region, LOCAL, headline, score)
    if federated is None or all_own_models is None:
        raise ConfigError(
            f"not every trial has a {headline} of the arms {FEDERATED} and {LOCAL} for the region; run them"
        )
    local = {}
    for country in sorted(set.intersection(*(set(trial.countries) for trial in trials))):
        own = _best(trials, country, LOCAL, headline, score)
        local[country] = own or Pick(trial=all_own_models.trial, value=all_own_models.value, by_region=True)
    return Choice(federated=federated, local=local, varied=varied)


def _varied(trials: Sequence[Trial]) -> list[str]:
    """Keys in which trials differ. Raises ConfigError for one that a country's own model cannot choose for itself."""
    settings = [
        flat({key: value for key, value in trial.settings.items() if key not in NOT_LEARNT}) for trial in trials
    ]
    keys = sorted({key for each in settings for key in each})
    varied = [key for key in keys if any(each.get(key) != settings[0].get(key) for each in settings)]
    allowed = own_keys(restore(Settings, trials[0].settings, trials[0].name).task)
    for key in varied:
        if key not in allowed:
            raise ConfigError(
                f"the trials differ in {key}, which no country can choose for its own model; search it by itself"
            )
    return varied


def _best(trials: Sequence[Trial], place: str, arm: str, headline: str, score: Score) -> Pick | None:
    """The best trial; None unless all of them were scored there, for a choice among some would be another search."""
    picks = []
    for trial in trials:
        rows = [row for row in headline_rows(trial.rows, headline) if (row.country, row.arm) == (place, arm)]
        if not rows or not isfinite(rows[0].value):
            return None
        picks.append(Pick(trial=trial, value=rows[0].value))
    return (max if score.better == "larger" else min)(picks, key=lambda pick: pick.value)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *tables, last = key.split(".")
        table = nested
        for name in tables:
            table = table.setdefault(name, {})
        table[last] = value
    return nested
