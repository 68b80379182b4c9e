"""What a country chose for itself by its validation years: rounds of its own models, corrections, shares of a mix.

A run chooses at its test. A refit, which has no validation, takes what its fold chose, from this vault's own memory.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from federation.errors import PolicyRefusal
from federation.settings.plan import Plan
from federation.settings.values import digest_of
from federation.training.jobs import Array, Tensors
from federation.vault import state

ROUNDS, CORRECTION, SHARE, RECIPE = "choice/rounds/", "choice/correction/", "choice/share/", "choice/recipe"
CALIBRATION = "choice/calibration/"


@dataclass(frozen=True, kw_only=True)
class Choices:
    """rounds: own model -> numbers of the requests that brought the weights of its final mean; none: the last.

    corrections: adapted arm -> (H, K) shifts or (H, 2) odds, in model units. shares: member of the issued mix -> share,
    of all horizons or (H,).
    calibrations: arm -> (C,) of the chances of events that it forecasts, see `Task.calibrate`.
    """

    rounds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    corrections: Mapping[str, Array] = field(default_factory=dict)
    shares: Mapping[str, float | Array] = field(default_factory=dict)
    calibrations: Mapping[str, Array] = field(default_factory=dict)


def recipe_digest(plan: Plan) -> str:
    """Of all of a plan in which a fold and its refit are the same."""
    calendar = replace(plan.task.calendar, refit=False)
    return digest_of(
        replace(plan, fold="", champion_part="", champion_digest="", seed=0, task=replace(plan.task, calendar=calendar))
    )


def to_memory(choices: Choices, plan: Plan) -> dict[str, torch.Tensor]:
    """As a vault keeps them with the test of a run of this plan."""
    kept = {f"{ROUNDS}{arm}": torch.tensor(rounds, dtype=torch.int64) for arm, rounds in choices.rounds.items()}
    kept |= {f"{CORRECTION}{arm}": torch.from_numpy(np.array(each)) for arm, each in choices.corrections.items()}
    kept |= {f"{SHARE}{name}": torch.tensor(share, dtype=torch.float64) for name, share in choices.shares.items()}
    kept |= {f"{CALIBRATION}{arm}": torch.from_numpy(np.array(each)) for arm, each in choices.calibrations.items()}
    return kept | {RECIPE: torch.frombuffer(bytearray.fromhex(recipe_digest(plan)), dtype=torch.uint8)}


def from_memory(memory: Tensors) -> Choices:
    """What `to_memory` made."""
    return Choices(
        rounds={arm: tuple(each.tolist()) for arm, each in _under(ROUNDS, memory).items()},
        corrections={arm: each.numpy() for arm, each in _under(CORRECTION, memory).items()},
        shares={name: each.numpy() if each.ndim else float(each) for name, each in _under(SHARE, memory).items()},
        calibrations={arm: each.numpy() for arm, each in _under(CALIBRATION, memory).items()},
    )


def of_fold(database: sqlite3.Connection, country: str, plan: Plan) -> Choices | None:
    """What the country chose in the fold of a refit, which is nothing where it was not tested. None of any other run.

    Raises PolicyRefusal for a fold of another recipe, whose choices rest on other forecasts.
    """
    if not plan.fold:
        return None
    memory = state.memory_of_test(database, country, plan.fold)
    if memory is None:
        return Choices()
    recipe = memory.get(RECIPE)
    if recipe is None or recipe.numpy().tobytes().hex() != recipe_digest(plan):
        raise PolicyRefusal(f"{country}: run {plan.fold} had another recipe or calendar; it is no fold of this one")
    return from_memory(memory)


def _under(prefix: str, memory: Tensors) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in memory.items() if name.startswith(prefix)}
