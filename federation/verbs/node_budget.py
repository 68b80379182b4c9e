"""`gotong node budget`: what differential privacy has cost this country, run by run, and what is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.node import own_budget
from federation.errors import ConfigError
from federation.policy.file import policy_at


@dataclass
class Budget:
    """country: whose. policy: its policy, or the folder of it. home: the node's."""

    country: str = ""
    policy: str = ""
    home: str = "node"


def run(words: Sequence[str]) -> None:
    """Print it."""
    compose("node budget", words, Budget, show)


def show(settings: Budget) -> None:
    """Raises ConfigError for what is not said, PolicyRefusal for a policy that cannot be read, LedgerError."""
    for key in ("country", "policy"):
        if not getattr(settings, key):
            raise ConfigError(f"{key}= is empty; say which: country=VNM policy=records/policy.toml")
    for line in own_budget.lines(Path(settings.home), policy_at(settings.policy, settings.country)):
        print(line)
