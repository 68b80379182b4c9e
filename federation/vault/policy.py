"""A country's policy: what its vault serves. Read from that country's own disk, never from a run."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from federation.errors import PolicyRefusal
from federation.settings.schema import Plan

FILE = "policy.toml"
SHA256 = re.compile("[0-9a-f]{64}")
TEXT = """\
# What the vault of this country serves. Change it here; no run can change it.
tasks = ["health", "disaster", "agriculture"]  # challenges this country takes part in
minimum_cohort = 24         # fewest reported place-periods behind any number that leaves
maximum_rounds = 1000       # longest run
maximum_epochs = 100        # passes over the records in one round
maximum_parameters = 10000000  # of the largest model that is built here
runs_per_day = 100          # runs that may begin within 24 hours
round_scores = true         # scores and loss leave with every round; false: scores leave with the test alone
largest_update = 0.0        # L2 norm to which an update is scaled down before it leaves; 0: as it is
bundles = []                # SHA-256 of the Flower bundles that may hand in frames; empty: a courier does
"""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What one country allows; `path` is where to change it."""

    country: str
    path: Path
    tasks: tuple[str, ...] = ("health", "disaster", "agriculture")
    minimum_cohort: int = 24
    maximum_rounds: int = 1000
    maximum_epochs: int = 100
    maximum_parameters: int = 10_000_000
    runs_per_day: int = 100
    round_scores: bool = True
    largest_update: float = 0.0
    bundles: tuple[str, ...] = ()

    def check_origin(self, bundle: str) -> None:
        """Raise PolicyRefusal for a frame in the name of this bundle (its SHA-256), or in none: a courier's."""
        if bundle in self.bundles or not (bundle or self.bundles):
            return
        known = ", ".join(each[:12] for each in self.bundles)
        if not bundle:
            raise PolicyRefusal(
                f"a frame came in no bundle's name, and {self.country} serves the bundle {known} alone. "
                f"To serve a courier, leave `bundles` out of {self.path} on that country's node."
            )
        raise PolicyRefusal(
            f"{self.country} does not know the bundle {bundle}: its policy lists {known or 'none'}. Compare it with "
            f"what `gotong node bundle` prints; to allow it, edit `bundles` in {self.path} on that country's node."
        )

    def check(self, task: str, plan: Plan, parameters: int) -> None:
        """Raise PolicyRefusal if this country does not serve such a run, with a model of so many parameters."""
        if task not in self.tasks:
            raise PolicyRefusal(
                f"{self.country} refuses task {task!r}: its policy allows {', '.join(self.tasks)}. "
                f"To allow it, edit `tasks` in {self.path} on that country's node."
            )
        epochs = max(plan.training.epochs, plan.tuning.epochs if "personalised" in plan.arms else 0)
        for key, asked, allowed in (
            ("maximum_rounds", plan.rounds, self.maximum_rounds),
            ("maximum_epochs", epochs, self.maximum_epochs),
            ("maximum_parameters", parameters, self.maximum_parameters),
        ):
            if asked > allowed:
                raise PolicyRefusal(
                    f"{self.country} refuses {asked} {key.removeprefix('maximum_')}: its policy allows {allowed}. "
                    f"To allow it, edit `{key}` in {self.path} on that country's node."
                )

    def check_begun(self, others: int) -> None:
        """Raise PolicyRefusal for one more run where so many others began within a day."""
        if others >= self.runs_per_day:
            raise PolicyRefusal(
                f"{self.country} refuses another run: {others} began within 24 hours and its policy allows "
                f"{self.runs_per_day}. Go on tomorrow, or edit `runs_per_day` in {self.path} on that country's node."
            )


def read_policy(folder: Path, country: str) -> Policy:
    """The policy in a country's folder; the defaults of TEXT where the folder has none.

    Raises PolicyRefusal for a policy that cannot be understood: a vault that is in doubt serves nothing.
    """
    path = folder / FILE
    if not path.exists():
        return Policy(country=country, path=path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise PolicyRefusal(f"{path}: {error}; {country} serves nothing until it is mended") from None
    return Policy(country=country, path=path, **_checked(values, path, country))


def _checked(values: Mapping[str, Any], path: Path, country: str) -> dict[str, Any]:
    defaults = {f.name: f.default for f in fields(Policy) if f.name not in ("country", "path")}
    for key, value in values.items():
        if key not in defaults:
            raise PolicyRefusal(
                f"{path}: unknown key {key!r}; known are {', '.join(defaults)}; "
                f"{country} serves nothing until it is mended"
            )
        if key == "tasks":
            good = isinstance(value, list) and all(isinstance(name, str) for name in value)
        elif key == "bundles":
            good = isinstance(value, list) and all(isinstance(each, str) and SHA256.fullmatch(each) for each in value)
        elif key == "minimum_cohort":
            good = type(value) is int and value >= 1
        elif key == "round_scores":
            good = isinstance(value, bool)
        else:
            good = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
            good = good and (key == "largest_update" or isinstance(value, int))
        if not good:
            raise PolicyRefusal(
                f"{path}: {key} = {value!r} makes no sense; {country} serves nothing until it is mended"
            )
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
