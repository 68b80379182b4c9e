"""`gotong node bundle`: the SHA-256 of the bundle that the installed Gotong ships to stock SuperNodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from federation.composition.compose import compose
from federation.deployment import flower_cli
from federation.deployment.coordinator.submit import BUNDLE


@dataclass
class Bundle:
    """Nothing to choose."""


def run(words: Sequence[str]) -> None:
    """Print the line that accepts it."""
    compose("node bundle", words, Bundle, tell)


def tell(_: Bundle) -> None:
    """A policy's line; the comment names the versions on which the digest depends."""
    versions = f"gotong {version('gotong')} packed by Flower {version('flwr')}"
    print(f'bundles = ["{flower_cli.digest_of(BUNDLE)}"]  # {versions}')
