"""`gotong node accept model=RUN-FOLDER policy=FILE`: the model of a finished run may begin runs at this node."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.coordinator import checkpoint
from federation.errors import ConfigError
from federation.policy.file import accept, policy_at
from federation.verbs.word_checks import required
from federation.wire.model import model_digest


@dataclass  # not frozen: Hydra merges it
class AcceptSettings:
    """model: the folder of a finished run, as its coordinator handed it over. policy: the node's policy file.

    note: why, for the next operator.
    """

    model: str | None = None
    policy: str | None = None
    note: str = ""


def run(words: Sequence[str]) -> None:
    """Write the model's digest next to the policy, and print it."""
    compose("node accept", words, AcceptSettings, _accept)


def _accept(settings: AcceptSettings) -> None:
    policy = policy_at(required(settings.policy, "say whose: gotong node accept model=FOLDER policy=FILE"))
    folder = Path(required(settings.model, "say which: gotong node accept model=FOLDER policy=FILE"))
    if not folder.is_dir():
        raise ConfigError(
            f"model={folder} is no folder; give that of the finished run, as its coordinator handed it over"
        )
    digest = model_digest(checkpoint.load_model(folder))
    path = accept(policy, digest, settings.note or folder.name)
    print(f"{digest}\n{path}: runs may begin with these weights here; they travel as float32")
