"""The attacks of this folder on runs that are sealed and under differential privacy, `sealed + dp` in the table."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from federation.privacy.mechanism import SYSTEM, Noise
from federation.runs.simulation import Simulation
from federation.seals.fixed_point import Floats
from federation.seals.lists import groups
from federation.seals.masks import digest
from federation.seals.model import named, vector
from federation.seals.terms import FEWEST
from federation.settings.parts import PrivacySettings
from federation.settings.plan import NOISED, SEALED, Plan
from federation.vault.vault import Vault
from tasks.health.settings import HealthSettings
from tests.federation.attacks.canary_frames import found, searched
from tests.federation.attacks.differencing import ATTACK as DIFFERENCING
from tests.federation.attacks.differencing import (
    BEYOND,
    FIVE,
    RUNS,
    SAME,
    STILL,
    WHOLE,
    again,
    frame_of,
    less,
    stopped_before_first_frame,
    total,
    without,
)
from tests.federation.attacks.figures import Figure
from tests.federation.attacks.imprint import (
    ATTACK,
    HIDDEN,
    READ,
    first_of,
    refused_in_a_sealed_run,
    requested,
)
from tests.federation.attacks.inversion import ATTACK as INVERSION
from tests.federation.attacks.inversion import drawn
from tests.federation.attacks.region import cosine, mean_of, prepared, ran
from tests.federation.vault.trap import UNITS, Trap, read_records, recovered, training_records

UNDER, BOTH = "sealed + dp", f"{SEALED}+{NOISED}"
SILENT = Noise(gaussian=lambda size: np.zeros(size, np.int64), laplace=lambda _: 0)
PRIVACY = PrivacySettings(epsilon=4.0)
CHOSEN: Mapping[str, Any] = {
    "protection": BOTH,
    "privacy": PRIVACY,
    "task": HealthSettings(hidden=[32], dropout=0.0, statistics="place"),
}


def noised(seed: int) -> Iterator[Figure]:
    """Everything but membership and the canary in a gradient, which have files of their own."""
    for why in refused_in_a_sealed_run(seed, **CHOSEN):
        yield Figure(attack=ATTACK, measure=READ, under=UNDER, value=0.0, note=why)
    yield from sums(seed)
    yield from lists(seed)
    yield second_run(seed)
    yield from restored(seed)
    yield found(UNDER, searched(seed, "open", BOTH, privacy=PRIVACY, task=CHOSEN["task"]))


def sums(seed: int) -> Iterator[Figure]:
    """Rows read from the sum of noised updates: of a trap that no bound stopped, and of a step from a usual model."""
    with TemporaryDirectory() as folder:
        ready = plain(Path(folder), seed)
        task = HealthSettings(hidden=[UNITS], dropout=0.0, statistics="place")
        plan = replace(ready.run.federation.plan, task=task)
        first = first_of(plan)
        moved = {**first, "head.weight": drawn(first["head.weight"].shape, seed)}
        for attack, model in ((HIDDEN, Trap().model(first)), (INVERSION, moved)):
            updates, records = {}, []
            for vault in ready.vaults.values():
                updates[vault.country] = vector(requested(vault, plan, model, attack)[0])
                records.append(training_records(vault, plan))
            mean = mean_of(updates, places(ready, plan))
            whole = np.concatenate(records)
            read = recovered(read_records(named(mean, first)), whole) / len(whole)
            yield Figure(attack=attack, measure=f"{READ}, from the sum", under=UNDER, value=read)


def lists(seed: int) -> Iterator[Figure]:
    """Two sums over the same model, which stands still, of which the second lacks a group."""
    with TemporaryDirectory() as folder:
        ready = plain(Path(folder), seed)
        plan, vaults = ready.run.federation.plan, {vault.country: vault for vault in ready.vaults.values()}
        truth = {country: update_of(vault, plan, "truth", 1, SILENT) for country, vault in vaults.items()}
        one, two = (
            {country: update_of(vault, plan, "run", round_, SYSTEM) for country, vault in vaults.items()}
            for round_ in (1, 2)
        )
        weights = places(ready, plan)
    mean, cosines = mean_of(truth, weights), {WHOLE: list[float](), BEYOND: list[float]()}
    for group in groups(weights, weights, FEWEST, digest(seed)):
        difference = total(one, weights) - total(without(two, group), weights)
        for country in group:
            cosines[WHOLE].append(cosine(difference, truth[country]))
            cosines[BEYOND].append(cosine(less(difference, mean), less(truth[country], mean)))
    for measure, values in cosines.items():
        yield Figure(attack=STILL, measure=f"{measure}, mean", under=UNDER, value=float(np.mean(values)))
        yield Figure(attack=STILL, measure=f"{measure}, largest", under=UNDER, value=float(np.max(values)))


def second_run(seed: int) -> Figure:
    """From the first model of another."""
    with TemporaryDirectory() as folder:
        ready = prepared(Path(folder), seed, countries=FIVE, rounds=1, **CHOSEN)
        ran(ready)
        again_ = replace(ready.run, federation=replace(ready.run.federation, run="again"))
        refused = ran(replace(ready, run=again_))
    assert not refused.reports, "the second run was served"
    return Figure(attack=DIFFERENCING, measure=RUNS, under=UNDER, value=0.0, note=next(iter(refused.refusals.values())))


def restored(seed: int) -> Iterator[Figure]:
    """A copy of a vault makes the same noise for the same request: how many words of its frame are other ones."""
    with TemporaryDirectory() as folder:
        homes = [Path(folder) / name for name in ("whole", "same")]
        request = stopped_before_first_frame(prepared(homes[0], seed, countries=FIVE, rounds=2, **CHOSEN))
        shutil.copytree(homes[0], homes[1])
        first, same = (frame_of(again(home), request) for home in homes)
    yield Figure(attack=DIFFERENCING, measure=SAME, under=UNDER, value=float((first != same).sum()))


def plain(folder: Path, seed: int) -> Simulation:
    """Vaults of a run that is noised and not sealed, so that a coordinator may ask them for what it likes."""
    return prepared(folder, seed, **{**CHOSEN, "protection": NOISED})


def update_of(vault: Vault, plan: Plan, run: str, round_: int, noise: Noise) -> Floats:
    """(D,) the update of the first model. The charge of it is not the point here."""
    vault._noise, vault.policy = noise, replace(vault.policy, epsilon=1e6)
    return vector(requested(vault, plan, first_of(plan), run, round_)[0])


def places(ready: Simulation, plan: Plan) -> dict[str, int]:
    """country -> its places, by which noised updates count."""
    return {vault.country: len(vault.records(plan).windows["train"].places) for vault in ready.vaults.values()}
