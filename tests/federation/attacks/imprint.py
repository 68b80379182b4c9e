"""Weights that are made to read records: sent by the coordinator, or hidden by a country in its own frame."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.policy import templates
from federation.runs.simulation import Simulation
from federation.seals.fixed_point import Codec, Floats
from federation.seals.model import named, vector
from federation.seals.run import BOUND
from federation.settings.parts import PrivacySettings
from federation.settings.plan import Plan
from federation.settings.values import plain
from federation.training import sequential
from federation.vault.requests import fresh, numpy_of
from federation.vault.round import serve
from federation.vault.vault import Vault
from federation.wire.frame import Frame, decode, encode
from tasks.health.settings import HealthSettings
from tasks.registry import TASKS
from tests.federation.attacks.figures import Figure
from tests.federation.attacks.hostile_frame import Wanted, hostile
from tests.federation.attacks.region import ADAM, Recorder, mean_of, prepared, ran, weights_of
from tests.federation.sealed.federation import Line, StoppedLineError
from tests.federation.vault.requesting import reply_frame, request_bytes
from tests.federation.vault.trap import UNITS, Trap, read_records, recovered, training_records, trap_plan

ATTACK, HIDDEN = "trap weights from the coordinator", "trap weights from a country"
READ, LEFT, LAST = "records read, of 1", "countries that leave, of the others", "rounds closed"
NOTHING, SCALED = "sealed, were nothing bounded", "sealed, were only values bounded"
HOSTILE = "KHM"  # its update is about as long as the mean
WIDE = 400  # units of the layer in runs of many rounds
MILD = Trap(sharpness=50.0, echo=0.5 / WIDE, height=3.0)  # under which no score becomes too large to be summed
Model = Mapping[str, NDArray[Any]]


def from_coordinator(seed: int) -> Iterator[Figure]:
    """One request with a trap in it, in each protection."""
    with TemporaryDirectory() as folder:
        ready = prepared(Path(folder), seed, countries=["KHM"], protection="none", quorum=1)
        (vault,) = ready.vaults.values()
        plan = trap_plan(seed=seed)
        trap = Trap().model(first_of(plan))
        for template in ("open", "guarded"):
            vault.policy = replace(templates.policy(template, "KHM", vault.policy.path), optimizers=("adamw", "sgd"))
            usual = replace(plan.training, lr=0.1, epochs=2) if template == "guarded" else plan.training
            asked = replace(plan, training=usual)
            update, why = requested(vault, asked, trap, template)
            records = training_records(vault, asked)
            share = recovered(read_records(update), records) / len(records)
            yield Figure(attack=ATTACK, measure=READ, under=template, value=share, note=why)
        vault.policy = templates.policy("open", "KHM", vault.policy.path)
        yield read_through_noise(vault, plan, trap)
    for why in refused_in_a_sealed_run(seed):
        yield Figure(attack=ATTACK, measure=READ, under="sealed", value=0.0, note=why)


def read_through_noise(vault: Vault, plan: Plan, trap: Model) -> Figure:
    """The same request in a run under differential privacy."""
    noised = replace(
        plan,
        protection="differential_privacy",
        task=HealthSettings(hidden=[UNITS], dropout=0.0, statistics="place"),
        privacy=PrivacySettings(epsilon=8.0),
        arms=["federated"],
    )
    update, why = requested(vault, noised, trap, "noised")
    records = training_records(vault, noised)
    share = recovered(read_records(update), records) / len(records)
    assert update, why
    return Figure(attack=ATTACK, measure=READ, under="open, differential privacy, epsilon 8", value=share)


def requested(vault: Vault, plan: Plan, model: Model, run: str, round_: int = 1) -> tuple[dict[str, Any], str]:
    """The update that a vault releases for a model, or none and why."""
    arrays = {f"model/{name}": value for name, value in model.items()}
    reply = reply_frame(vault, request_bytes("train", round_, plan, run=run, arrays=arrays))
    return dict(reply.group("update")), str(reply.header.get("reason", ""))


def first_of(plan: Plan) -> dict[str, NDArray[Any]]:
    """The first weights of a plan."""
    return numpy_of(fresh(TASKS[plan.task.name], plan).weights)


def refused_in_a_sealed_run(seed: int, **chosen: Any) -> list[str]:
    """Why a vault refuses each request by which a coordinator could bring in a model of its own."""
    caught: list[Frame] = []

    def second_round(country: str, frame: Frame) -> Frame:
        if (country, frame.kind, frame.header["round"]) == ("KHM", "sealed_round", 2):
            caught.append(frame)
            raise StoppedLineError
        return frame

    with TemporaryDirectory() as folder:
        countries = ["BRN", "KHM", "SGP", "TLS"]
        ready = prepared(Path(folder), seed, template="sealed", countries=countries, rounds=2, **chosen)
        try:
            ran(ready, line=Line(request=second_round))
        except StoppedLineError:
            vault = next(vault for vault in ready.vaults.values() if vault.country == "KHM")
            return [refusal(vault, frame) for frame in forged_requests(ready, caught[0])]
    raise AssertionError("the second round was not reached")


def forged_requests(ready: Simulation, honest: Frame) -> Iterator[Frame]:
    """A plain request for a model; a sum with other words; one of posts that the coordinator made up."""
    plan = ready.run.federation.plan
    model = {f"model/{name}": value for name, value in ready.run.progress.model.items()}
    header = {"run": ready.run.federation.run, "round": 2, "last_aggregated": 1, "plan": plain(plan)}
    yield Frame(kind="train", header=header, arrays=model)
    for name in ("words/SGP", "frame/SGP"):
        value = honest.arrays[name].copy()
        value[-1] ^= 1
        yield replace(honest, arrays={**honest.arrays, name: value})


def refusal(vault: Vault, frame: Frame) -> str:
    """What a vault says to a request that it must refuse."""
    (reply,) = serve([(vault, encode(frame))], sequential.run)
    answer = decode(reply)
    assert answer.kind == "refused", f"a forged {frame.kind} was served"
    return str(answer.header["reason"])


def from_country(seed: int) -> Iterator[Figure]:
    """A trap that a country brought into the model: what the others' updates tell, and whether they go that far."""
    yield from without_bounds(seed)
    yield from in_the_second_round(seed)
    yield from hidden(seed, "at once", at_once, Trap(), rounds=4)
    yield from hidden(seed, "slowly", slowly, MILD, rounds=12)


def without_bounds(seed: int) -> Iterator[Figure]:
    """The model is a trap already: what single updates tell under `open`, and what the sealed sum of them would."""
    with TemporaryDirectory() as folder:
        ready = prepared(Path(folder), seed, protection="none", task=HealthSettings(hidden=[8]))
        vaults = {vault.country: vault for vault in ready.vaults.values() if vault.country != HOSTILE}
        plan = trap_plan(seed=seed)
        first = first_of(plan)
        updates, records = {}, {}
        for country, vault in vaults.items():
            update, _ = requested(vault, plan, Trap().model(first), "trap")
            updates[country], records[country] = vector(update), training_records(vault, plan)
        total = sum(map(len, records.values()))
        alone = sum(
            recovered(read_records(named(update, first)), records[country]) for country, update in updates.items()
        )
        yield Figure(attack=HIDDEN, measure=READ, under="open", value=alone / total)
        whole, weights = np.concatenate(list(records.values())), weights_of(ready)
        for under, mean in ((NOTHING, mean_of(updates, weights)), (SCALED, through_words(updates, weights))):
            read = recovered(read_records(named(mean, first)), whole)
            yield Figure(attack=HIDDEN, measure=READ, under=under, value=read / total)


def in_the_second_round(seed: int) -> Iterator[Figure]:
    """Under `guarded`, where the coordinator colludes and lets the country's update become the model."""
    with TemporaryDirectory() as folder:
        ready = prepared(Path(folder), seed, protection="none", template="guarded", task=HealthSettings(hidden=[8]))
        vaults = [vault for vault in ready.vaults.values() if vault.country != HOSTILE]
        plan = replace(trap_plan(seed=seed), task=HealthSettings(hidden=[8]), training=ADAM)
        first = first_of(plan)
        reasons = []
        for vault in vaults:
            requested(vault, plan, first, "trap")
            update, why = requested(vault, plan, Trap().model(first), "trap", round_=2)
            reasons += [] if update else [why]
    yield Figure(attack=HIDDEN, measure=READ, under="guarded", value=0.0 if len(reasons) == len(vaults) else 1.0)
    yield Figure(attack=HIDDEN, measure=LEFT, under="guarded", value=len(reasons), note=reasons[0])


def through_words(updates: Mapping[str, Floats], weights: Mapping[str, int]) -> Floats:
    """(D,) mean of updates as a sealed sum gives it, each no larger than a frame holds."""
    size = next(iter(updates.values())).size
    codec = Codec(values=size, scores=0, total=sum(weights.values()), bound=BOUND)
    words = np.zeros(size, np.uint32)
    for country, update in updates.items():
        held = update * min(1.0, BOUND / float(np.abs(update).max()))
        words += codec.encode(held, np.zeros(0), weights[country])
    return codec.mean(words, sum(weights[country] for country in updates))


def at_once(reach: Floats, own: Floats) -> Floats:  # noqa: ARG001
    """As far towards the trap as a frame of one round can move every weight."""
    return np.clip(reach, -BOUND, BOUND)


def slowly(reach: Floats, own: Floats) -> Floats:
    """As far as the bounds let it: twice its own update, no weight near a policy's `largest_step`."""
    step = np.clip(reach, -0.05, 0.05)
    length = float(np.linalg.norm(step))
    return np.asarray(step * min(1.0, 2 * float(np.linalg.norm(own)) / length)) if length else step


def hidden(seed: int, how: str, wanted: Wanted, trap: Trap, rounds: int) -> Iterator[Figure]:
    """A sealed run in which one country moves the model towards a trap. wanted: (way there, own update) -> step."""
    with TemporaryDirectory() as folder:
        task = HealthSettings(hidden=[WIDE], dropout=0.0)
        ready = prepared(Path(folder), seed, template="sealed", rounds=rounds, task=task)
        first, recorder = dict(ready.run.progress.model), Recorder()
        goal = vector(trap.model(first))
        with hostile(HOSTILE, lambda weights, own: wanted(goal - weights, own)):
            outcome = ran(ready, recorder)
        plan, weights = ready.run.federation.plan, weights_of(ready)
        vaults = [vault for vault in ready.vaults.values() if vault.country != HOSTILE]
        records = np.concatenate([training_records(vault, plan) for vault in vaults])
    read = []
    for updates in recorder.updates:
        others = {country: update for country, update in updates.items() if country != HOSTILE}
        vectors = read_records(named(mean_of(others, weights), first)) if others else np.empty((0, 0))
        read.append(recovered(vectors, records))
    left, attack = {country for country, _ in outcome.refusals} - {HOSTILE}, f"{HIDDEN}, {how}"
    why = next(iter(outcome.refusals.values()), "")
    for measure, value in ((READ, max(read) / len(records)), (LEFT, len(left)), (LAST, outcome.reports)):
        yield Figure(attack=attack, measure=measure, under="sealed", value=value, note=why if measure == LEFT else "")
