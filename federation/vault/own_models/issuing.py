"""A forecast at home, of any arm that a run ended with in this country: from its vault's memory, without a network."""

from collections.abc import Mapping

import numpy as np
import torch

from federation.composition.restore import own_model_plan
from federation.errors import ConfigError
from federation.settings.plan import ADAPTED, ISSUED, Plan
from federation.vault.own_models import adaptation, choices, local_model, mixing
from tasks.data import Array, Panel, Windows
from tasks.models.weights import built, output_of
from tasks.registry import TASKS

OWN = ("local", local_model.TWIN)  # models that follow the country's own plan, where it has one


def forecast(
    memory: Mapping[str, torch.Tensor], country: str, run: str, plan: Plan, arm: str, panel: Panel, windows: Windows
) -> Array:
    """(N, H, K) in natural units of an arm of a run of this plan, for windows of this panel.

    memory: what the vault kept of the run's test (`state.memory_of_test`). Raises ConfigError for an arm that the run
    did not end with in this country.
    """
    task, outputs = TASKS[plan.task.name], _outputs(memory, country, plan, windows)
    chosen = choices.from_memory(memory)
    if arm in outputs:
        return task.forecast(outputs[arm], windows)
    issued: Array | None = None
    if arm in ADAPTED and arm in plan.arms:
        mix = adaptation.mixed(outputs, adaptation.mix_shares(arm, plan.adaptation))
        if mix is not None:
            issued = task.forecast(adaptation.corrected(mix, chosen.corrections.get(arm), task), windows)
    elif arm == ISSUED and arm in plan.arms:
        own = {name: each(panel, windows, plan.task) for name, each in task.baselines.items() if name in chosen.shares}
        issued = mixing.issued(outputs, own, windows, task, chosen)
    if issued is None:
        ended = [name for name in plan.arms if name in (*outputs, *ADAPTED, ISSUED)]
        raise ConfigError(f"arm={arm}: run {run} ended in {country} with {', '.join(ended) or 'none'}")
    return issued


def _outputs(memory: Mapping[str, torch.Tensor], country: str, plan: Plan, windows: Windows) -> dict[str, Array]:
    """Model -> (N, H, K) in model units, of all final models in the memory of a test."""
    outputs: dict[str, Array] = {}
    for arm in sorted({name.split("/")[1] for name in memory if name.startswith(local_model.FINAL)}):
        weights = local_model.under_prefix(f"{local_model.FINAL}{arm}", memory)
        own = own_model_plan(plan, country) if arm in OWN else plan
        outputs[arm] = output_of(built(TASKS[plan.task.name], own.task, own.seed), weights, windows).astype(np.float64)
    return outputs
