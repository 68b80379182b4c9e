"""`gotong cycle task=health data=DIR | home=coordinator`: a region's month in one command, for a timer."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path

from federation.composition.compose import compose
from federation.composition.restore import check
from federation.cycle.deployed import Deployed
from federation.cycle.region import Region
from federation.cycle.routine import cycle
from federation.cycle.simulated import Simulated
from federation.errors import ConfigError
from federation.settings.checks import within
from federation.settings.plan import ISSUED
from federation.settings.schema import LATEST, OPERATIONAL, Settings
from federation.studies.champion import HARM
from federation.verbs.forecast import now_or_played
from federation.verbs.submit import SubmitSettings

OF_THE_ROUTINE = ("name", "resume", "champion", "sweep", "out")  # it names its runs, and continues them by itself
DEADLINE = 600.0  # seconds of a round between machines, where none is given


@dataclass  # not frozen: Hydra merges it
class CycleSettings(SubmitSettings):
    """Keys of a run, and: home, the coordinator's folder; empty: a simulation on the national files in data=.

    until: the month; latest: the newest that most countries report. start_from=champion: the refit begins with the
    champion's weights. harm: as of `gotong champion offer`. today: YYYY-MM-DD, of a simulation, for exercises: the day
    on which the countries make their forecasts. With until=2008-05 they are made as of that month.
    """

    home: str = ""
    deadline: float | None = None
    purpose: str = OPERATIONAL
    until: str | None = LATEST
    arms: list[str] = field(default_factory=lambda: ["federated", "local", "personalised", ISSUED])
    harm: float = HARM
    today: str | None = None


def run(words: Sequence[str]) -> None:
    """Do what is left of the month, and end with one line that says what came of it."""
    compose("cycle", words, CycleSettings, _cycle)


def _cycle(given: CycleSettings) -> None:
    for key in OF_THE_ROUTINE:
        if getattr(given, key) is not None:
            raise ConfigError(f"{key}={getattr(given, key)}: a cycle sets it by itself; leave it out")
    if given.purpose != OPERATIONAL:
        raise ConfigError(f"purpose={given.purpose}: a cycle's runs are operational; leave it out")
    within("harm", given.harm, 0, 1)
    say = partial(print, flush=True)
    settings, region = _deployed(given, say) if given.home else _simulated(given)
    say(cycle(settings, region, say, given.harm))


def _deployed(given: CycleSettings, say: "partial[None]") -> tuple[Settings, Region]:
    if given.today is not None:
        raise ConfigError(f"today={given.today} is for exercises on one machine; leave it out")
    settings = replace(given, deadline=DEADLINE if given.deadline is None else given.deadline).run()
    return settings, Deployed(home=Path(given.home), say=say)


def _simulated(given: CycleSettings) -> tuple[Settings, Region]:
    if given.data is None:
        raise ConfigError("say where the national files lie, data=DIR, or which coordinator, home=DIR")
    values = {each.name: getattr(given, each.name) for each in fields(Settings)}
    settings = Settings(**{**values, "data": str(Path(given.data).absolute())})
    check(settings)
    return settings, Simulated(sent=now_or_played(given.today), played=given.today is not None)
