"""Two sums that differ by one country: lists of consecutive rounds, runs from one model, a vault that was restored."""

import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np

from federation.runs import simulation
from federation.runs.simulation import Simulation
from federation.seals.fixed_point import Floats
from federation.seals.lists import groups
from federation.seals.masks import Words, digest
from federation.seals.terms import FEWEST
from federation.settings.parts import TrainingSettings
from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.vault.round import serve
from federation.vault.sealed import rounds as sealed_rounds
from federation.wire.frame import Frame, decode, encode
from tasks.health.settings import HealthSettings
from tests.federation.attacks.figures import Figure
from tests.federation.attacks.region import Recorder, cosine, mean_of, prepared, ran, weights_of
from tests.federation.sealed.federation import Line, StoppedLineError

ATTACK = "differencing"
MOVING, STILL = f"{ATTACK} of lists", f"{ATTACK} of lists, a model that stands still"
WHOLE, BEYOND = "cosine", "cosine beyond the mean"
WITHOUT_DROPOUT = HealthSettings(hidden=[32], dropout=0.0)
RUNS = "two runs from one model: cosine"
SAME, CHANGED = "a restored vault: words that differ", "a restored vault, records changed: cosine"
FIVE = ("BRN", "KHM", "LAO", "SGP", "TLS")


def lists(seed: int) -> Iterator[Figure]:
    """What the difference of two rounds' sums tells of a country that is not in the second: alone, or with its group.

    First in a usual plan; then in one whose model stands still, so that every round has the same updates.
    """
    yield from of_plan(seed, MOVING, {})
    full = TrainingSettings(schedule="constant", batch_size=1_000_000)
    still = STRATEGIES["fedavg"].settings(server_step=1e-6)
    yield from of_plan(seed, STILL, {"training": full, "strategy": still, "task": WITHOUT_DROPOUT, "rounds": 2})


def of_plan(seed: int, attack: str, chosen: Mapping[str, Any]) -> Iterator[Figure]:
    """As cosines with its update: of the difference; and of both once the mean update, which all know, is taken out."""
    recorder = Recorder()
    with TemporaryDirectory() as folder:
        ready = prepared(Path(folder), seed, **chosen)
        ran(ready, recorder)
        weights = weights_of(ready)
    told: dict[tuple[str, str], list[float]] = {}
    for round_, (before, after) in enumerate(pairwise(recorder.updates)):
        mean = mean_of(before, weights)
        for fewest, under in ((1, "sealed, without groups"), (2, "sealed, in pairs"), (FEWEST, "sealed")):
            for group in groups(weights, weights, fewest, digest(seed, round_)):
                difference = total(before, weights) - total(without(after, group), weights)
                for country in group:
                    told.setdefault((under, WHOLE), []).append(cosine(difference, before[country]))
                    beyond = cosine(less(difference, mean), less(before[country], mean))
                    told.setdefault((under, BEYOND), []).append(beyond)
    for (under, measure), values in told.items():
        yield Figure(attack=attack, measure=f"{measure}, mean", under=under, value=float(np.mean(values)))
        yield Figure(attack=attack, measure=f"{measure}, largest", under=under, value=float(np.max(values)))


def without(updates: Mapping[str, Floats], gone: Collection[str]) -> dict[str, Floats]:
    """Those of the other countries."""
    return {country: update for country, update in updates.items() if country not in gone}


def less(one: Floats, other: Floats) -> Floats:
    """What is left of a vector without its part along another."""
    return one - other * float(one @ other) / float(other @ other)


def total(updates: Mapping[str, Floats], weights: Mapping[str, int]) -> Floats:
    """(D,) the weighted sum."""
    return np.asarray(sum(weights[country] * update for country, update in updates.items()))


def runs(seed: int) -> Iterator[Figure]:
    """The same countries begin with the same model again, less one that stays out of the second run."""
    recorders = Recorder(), Recorder()
    with TemporaryDirectory() as folder:
        ready = prepared(Path(folder), seed, countries=FIVE, rounds=1)
        ran(ready, recorders[0])
        federation = replace(ready.run.federation, run="again")
        refused = ran(replace(ready, run=replace(ready.run, federation=federation)), recorders[1])
        reason = next(iter(refused.refusals.values()))
        for vault in ready.vaults.values():
            vault.policy = replace(vault.policy, repeat_start=True)
        nodes = {country: node for country, node in federation.nodes.items() if country != "KHM"}
        federation = replace(federation, run="once more", nodes=nodes)
        ran(replace(ready, run=replace(ready.run, federation=federation)), recorders[1])
        weights = weights_of(ready)
    assert not refused.reports, "the second run was served"
    sums = [total(recorder.updates[0], weights) for recorder in recorders]
    value = cosine(sums[0] - sums[1], recorders[0].updates[0]["KHM"])
    yield Figure(attack=ATTACK, measure=RUNS, under="sealed, repeat_start = true", value=value)
    yield Figure(attack=ATTACK, measure=RUNS, under="sealed", value=0.0, note=reason)


def restored(seed: int) -> Iterator[Figure]:
    """A vault's files are copied before a round, it sends its frame, and the copy is asked for the same frame again.

    First as it was; then with records that changed meanwhile, which is what would tell of the change.
    """
    with TemporaryDirectory() as folder:
        homes = [Path(folder) / name for name in ("whole", "same", "changed", "unchecked")]
        request = stopped_before_first_frame(prepared(homes[0], seed, countries=FIVE, rounds=2))
        for home in homes[1:]:
            shutil.copytree(homes[0], home)
        for home in homes[2:]:
            double_cases(home)
        recorders = Recorder(), Recorder()
        first, same = frame_of(again(homes[0]), request, recorders[0]), frame_of(again(homes[1]), request)
        left = reply_of(again(homes[2]), request)
        assert left.kind == "refused", "a vault whose records changed sent a frame"
        with patch.object(sealed_rounds, "check_basis"):
            ready = again(homes[3])
            second = frame_of(ready, request, recorders[1])
        size = sum(value.size for value in ready.run.progress.model.values())
    yield Figure(attack=ATTACK, measure=SAME, under="sealed", value=float((first != same).sum()))
    gained = (second - first)[:size].view(np.int32).astype(np.float64)
    truth = recorders[1].updates[0]["KHM"] - recorders[0].updates[0]["KHM"]
    yield Figure(attack=ATTACK, measure=CHANGED, under="sealed, not compared", value=cosine(gained, truth))
    yield Figure(attack=ATTACK, measure=CHANGED, under="sealed", value=0.0, note=str(left.header["reason"]))


def stopped_before_first_frame(ready: Simulation) -> Frame:
    """The request for KHM's first frame, which it has not come to."""
    caught: list[Frame] = []

    def first(country: str, frame: Frame) -> Frame:
        if (country, frame.kind) == ("KHM", "sealed_round"):
            caught.append(frame)
            raise StoppedLineError
        return frame

    try:
        ran(ready, line=Line(request=first))
    except StoppedLineError:
        next(iter(ready.vaults.values())).database.close()
        return caught[0]
    raise AssertionError("the first round was not reached")


def again(home: Path) -> Simulation:
    """The vaults of a folder, as after a start of the machine, on the records that lie there."""
    with patch.object(simulation, "_synthesize"):
        return simulation.resume(str(home), home / "run")


def reply_of(ready: Simulation, request: Frame, train: Recorder | None = None) -> Frame:
    """KHM's reply."""
    vault = next(vault for vault in ready.vaults.values() if vault.country == "KHM")
    (reply,) = serve([(vault, encode(request))], train or sequential.run)
    return decode(reply)


def frame_of(ready: Simulation, request: Frame, train: Recorder | None = None) -> Words:
    """The masked words of KHM's reply."""
    return np.frombuffer(reply_of(ready, request, train).arrays["words"].tobytes(), "<u4").astype(np.uint32)


def double_cases(home: Path) -> None:
    """Another national file of KHM: a correction that doubles every number of cases."""
    path = home / "run" / "data" / "KHM" / "health.csv"
    header, *lines = path.read_text().splitlines()
    at = header.split(",").index("disease_cases")
    rows = [line.split(",") for line in lines]
    for row in rows:
        row[at] = str(int(float(row[at])) * 2) if row[at] else ""
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    for truth in path.parent.glob("*.oracle.npz"):  # it is of the records before
        truth.unlink()
