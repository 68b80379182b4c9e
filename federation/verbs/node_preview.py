"""`gotong node preview`: every name, shape and byte that one round and the test would send of these records."""

from collections.abc import Sequence

from federation.composition.compose import compose
from federation.deployment.node import dry_run
from federation.verbs.node_train import OwnSettings
from federation.verbs.own_packages import load_own_packages


def run(words: Sequence[str]) -> None:
    """Train one round in a folder that is thrown away, and print what would have left."""
    load_own_packages(words)
    compose("node preview", words, OwnSettings, preview)


def preview(settings: OwnSettings) -> None:
    """Raises PolicyRefusal or DataError."""
    run, where = settings.run(), settings.where()
    frames = dry_run.preview(run, *where)
    for line in dry_run.introduction(run, *where, frames):
        print(line)
    print()
    for frame in frames:
        for line in dry_run.describe(frame):
            print(line)
