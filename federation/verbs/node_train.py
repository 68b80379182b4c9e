"""`gotong node train`: a country's own model and its score against the baselines; nothing leaves the machine."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from rich.console import Console

from federation.composition.compose import compose
from federation.composition.restore import check
from federation.deployment.node import dry_run
from federation.deployment.node.settings import POLICY
from federation.errors import ConfigError
from federation.reporting import rows as table_rows
from federation.reporting import score_table
from federation.settings.schema import STUDY, Settings
from federation.verbs.own_packages import load_own_packages
from tasks.files.folders import country_folder
from tasks.registry import TASKS


@dataclass
class OwnSettings(Settings):
    """A run of one country. data: the folder of countries, or its own. policy: none takes policy.toml there."""

    country: str = ""
    policy: str | None = None

    def run(self) -> Settings:
        """The part that is the same as in a simulation. Raises ConfigError."""
        if not self.country or self.data is None:
            raise ConfigError("say whose records: country=VNM data=FOLDER")
        settings = Settings(**{f.name: getattr(self, f.name) for f in fields(Settings)})
        if settings.purpose != STUDY:
            raise ConfigError("purpose=operational is of runs between countries; leave it out of node train")
        settings.region.countries = [self.country]
        settings.quorum = 1
        check(settings)
        settings.check_deployable()
        return settings

    def where(self) -> tuple[str, Path, Path]:
        """Country, its folder of national files, and policy. Raises DataError."""
        data = country_folder(Path(str(self.data)), self.country)
        return self.country, data, Path(self.policy) if self.policy is not None else data / POLICY


def run(words: Sequence[str]) -> None:
    """Train and print the table."""
    load_own_packages(words)
    compose("node train", words, OwnSettings, train)


def train(own: OwnSettings) -> None:
    """Raises PolicyRefusal or DataError."""
    settings = own.run()
    rows = dry_run.train(settings, *own.where())
    task = TASKS[settings.task.name]
    headline = next(iter(task.scores))
    sheet = score_table.table(
        rows, headline=headline, title=task.title(settings.task), better=task.scores[headline].better
    )
    Console(highlight=False).print(sheet)
    if own.out is not None:
        table_rows.write_json(rows, Path(own.out))
