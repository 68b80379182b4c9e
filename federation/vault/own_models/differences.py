"""Differences of forecasts inside one country: the ends of their intervals may leave, the blocks they rest on stay."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import torch

from federation.settings.plan import CHAMPION, Plan, compared
from federation.training.jobs import Array, Tensors
from federation.vault.records import Records
from tasks.data import Part
from tasks.evaluation.paired_difference import Blocks, blocks

PART = "paired"  # of a test's differences, among the names of scores
_FIELDS = ("labels", "above", "below", "count")


def paired_blocks(records: Records, part: Part, forecasts: Mapping[str, Array], plan: Plan) -> dict[str, Blocks]:
    """A pair such as 'adapted-local' that is compared on this part -> blocks of the headline's difference.

    forecasts: arm -> forecast of the part in natural units.
    """
    score = next(iter(records.task.scores.values()))
    if score.terms is None:
        return {}
    evaluated = cache(lambda arm: records.evaluated(part, forecasts[arm]))
    return {
        f"{arm}-{other}": blocks(score, evaluated(arm), evaluated(other))
        for arm, other in compared(plan, records.task.baselines)
        if part_of(other, plan) == part and {arm, other} <= forecasts.keys()
    }


def part_of(other: str, plan: Plan) -> Part:
    """The part on which arms are compared with another one: the test, or for the champion what the plan says."""
    return "validation" if other == CHAMPION and plan.champion_part == "validation" else "test"


def blocks_to_memory(differences: Mapping[str, Blocks]) -> dict[str, torch.Tensor]:
    """As a vault keeps them in its own memory."""
    return {
        f"{PART}/{name}/{field}": torch.from_numpy(np.asarray(getattr(each, field)))
        for name, each in differences.items()
        for field in _FIELDS
    }


def blocks_from_memory(memory: Tensors) -> dict[str, Blocks]:
    """What `blocks_to_memory` made."""
    names = dict.fromkeys(name.split("/")[1] for name in memory if name.startswith(f"{PART}/"))
    return {name: Blocks(**{field: memory[f"{PART}/{name}/{field}"].numpy() for field in _FIELDS}) for name in names}
