"""An update of one gradient step on few rows: the quotient of a unit's gradients is a row, or a mixture of rows.

Source: Phong et al. (2018), https://doi.org/10.1109/TIFS.2017.2787987
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from federation.policy import templates
from federation.seals.model import named, vector
from federation.settings.parts import TrainingSettings
from tasks.health.settings import HealthSettings
from tests.federation.attacks.figures import Figure
from tests.federation.attacks.imprint import first_of, requested, through_words
from tests.federation.attacks.region import prepared, weights_of
from tests.federation.vault.trap import read_records, recovered, training_records, trap_plan

ATTACK = "inversion of a small batch"
STEP = TrainingSettings(optimizer="sgd", lr=1.0, schedule="constant", epochs=None, steps=2, clip_gradient=None)


def inversion(seed: int) -> Iterator[Figure]:
    """Rows that are read, of those in the batch, at weights that are not crafted: the head alone has left 0."""
    with TemporaryDirectory() as folder:
        task = HealthSettings(hidden=[64], dropout=0.0)
        ready = prepared(Path(folder), seed, protection="none", task=task)
        vaults = {vault.country: vault for vault in ready.vaults.values()}
        for rows in (1, 2, 4):
            plan = trap_plan(seed=seed, task=task, training=replace(STEP, steps=1, batch_size=rows))
            first = first_of(plan)
            moved = {**first, "head.weight": drawn(first["head.weight"].shape, seed)}
            updates, read, records = {}, 0, []
            for country, vault in vaults.items():
                update, _ = requested(vault, plan, moved, f"rows {rows}")
                updates[country] = vector(update)
                records.append(training_records(vault, plan))
                read += min(rows, recovered(read_records(update), records[-1]))
            measure, asked = f"rows read, of 1, batch of {rows}", rows * len(vaults)
            yield Figure(attack=ATTACK, measure=measure, under="open", value=read / asked)
            mean = through_words(updates, weights_of(ready))
            summed = recovered(read_records(named(mean, first)), np.concatenate(records))
            yield Figure(attack=ATTACK, measure=measure, under="sealed, were the plan allowed", value=summed / asked)
        for template in ("guarded", "sealed"):
            vault = vaults["KHM"]
            vault.policy = templates.policy(template, "KHM", vault.policy.path)
            update, why = requested(vault, replace(plan, protection="none"), first, template)
            assert not update, "a small batch was served"
            yield Figure(attack=ATTACK, measure=measure, under=template, value=0.0, note=why)


def drawn(shape: tuple[int, ...], seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Weights of a head as after some rounds: at 0, as they begin, no gradient reaches the layer before it."""
    return np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32)
