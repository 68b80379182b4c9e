"""`gotong pretrain to=FILE recipe=NAME ...`: first weights from synthetic countries, as a file."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch

from federation.composition.compose import compose
from federation.errors import ConfigError
from federation.runs.simulation import simulate
from federation.settings.schema import STUDY, Settings
from federation.verbs.word_checks import file_to_write, required
from federation.wire.model import model_digest
from tasks.models.files import check_form, write_weights


@dataclass  # not frozen: Hydra merges it
class PretrainSettings(Settings):
    """A run on the task's generator. to: the file, .safetensors or .npz."""

    to: str | None = None


def run(words: Sequence[str]) -> None:
    """Train as `gotong simulate` would with the same words, write the model, and print its digest."""
    compose("pretrain", words, PretrainSettings, _pretrain)


def _pretrain(chosen: PretrainSettings) -> None:
    path = file_to_write("to", required(chosen.to, "say where: to=first.safetensors"))
    check_form(path)
    settings = Settings(**{each.name: getattr(chosen, each.name) for each in fields(Settings)})
    if settings.data is not None or settings.start_from is not None or settings.purpose != STUDY:
        raise ConfigError(
            "pretrain learns from synthetic countries alone, so that its weights know no record of any country; leave "
            "data, start_from and purpose out"
        )
    model = simulate(replace(settings, arms=["federated"])).outcome.model
    write_weights(path, {name: torch.tensor(value) for name, value in model.items()})
    print(f"{path}: of {len(settings.region.clients())} synthetic countries of seed {settings.seed}")
    print(f"initial_digest={model_digest(model)}")
