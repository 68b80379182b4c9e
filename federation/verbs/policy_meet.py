"""`gotong policy meet from=FOLDER`: what all countries allow that have a folder with a policy in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.composition.written import written
from federation.errors import ConfigError
from federation.policy.explain import corridor
from federation.policy.file import FILE, read_policy
from federation.verbs.word_checks import required


@dataclass  # not frozen: Hydra merges it
class MeetSettings:
    """source (written from=): the folder."""

    source: str | None = written("from")


def run(words: Sequence[str]) -> None:
    """Print a line a key."""
    compose("policy meet", words, MeetSettings, _meet)


def _meet(settings: MeetSettings) -> None:
    folder = Path(required(settings.source, f"say where: gotong policy meet from=FOLDER, with COUNTRY/{FILE} in it"))
    policies = [read_policy(path.parent, path.parent.name) for path in sorted(folder.glob(f"*/{FILE}"))]
    if not policies:
        raise ConfigError(f"from={folder} holds no COUNTRY/{FILE}; give the folder with one folder a country")
    print(f"{', '.join(policy.country for policy in policies)} allow:")
    for line in corridor(policies):
        print(line)
