"""`gotong node accept model=RUN-FOLDER policy=FILE`: a model, of a run or a file, may begin runs at this node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.composition.compose import compose
from federation.coordinator import checkpoint
from federation.errors import ConfigError
from federation.policy.file import accept, policy_at
from federation.verbs.word_checks import required
from federation.wire.model import model_digest
from tasks.models.files import read_weights


@dataclass  # not frozen: Hydra merges it
class AcceptSettings:
    """model: the folder of a finished run, as its coordinator handed it over, or a file of weights (`gotong pretrain`).
    policy: the node's policy file.

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
    model = Path(required(settings.model, "say which: gotong node accept model=FOLDER policy=FILE"))
    digest = model_digest(_weights(model))
    path = accept(policy, digest, settings.note or model.name)
    print(f"{digest}\n{path}: runs may begin with these weights here; they travel as float32")


def _weights(model: Path) -> Mapping[str, Any]:
    if model.is_file():
        return {name: value.numpy() for name, value in read_weights(model).items()}
    if not model.is_dir():
        raise ConfigError(
            f"model={model} is neither a folder nor a file; give the folder of the finished run, as its coordinator "
            f"handed it over, or a file of weights"
        )
    return checkpoint.load_model(model)
