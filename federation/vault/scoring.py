"""The scores of one answer: sums of every model's forecasts, of the adapted arms and of the baselines."""

from collections.abc import Mapping

from federation.settings import ADAPTED
from federation.training.jobs import Array, Result
from federation.vault import adapt
from federation.vault.gate import ScoreName
from federation.vault.records import Records
from federation.vault.requests import Request
from tasks.scores import Sums
from tasks.task import Part, Windows, joined


def scored(records: Records, kind: str) -> Windows:
    """What a model is scored on: validation every round, validation and test together at the end."""
    if kind != "test":
        return records.windows["validation"]
    return joined(records.windows["validation"], records.windows["test"])


def scores(request: Request, records: Records, results: Mapping[str, Result]) -> dict[ScoreName, Sums]:
    """Sums of every model; the test adds what was adapted, and the baselines, which never change within a run."""
    outputs = {arm: _split(result, records) for arm, result in results.items()}
    parts: tuple[Part, ...] = ("validation", "test") if request.kind == "test" else ("validation",)
    found: dict[ScoreName, Sums] = {}
    for part in parts:
        windows = records.windows[part]
        forecasts = {arm: request.task.forecast(output[part], windows) for arm, output in outputs.items()}
        if request.kind == "test":
            forecasts |= records.known[part]
        if part == "test":
            forecasts |= _adapted(request, records, outputs)
        for arm, forecast in forecasts.items():
            found |= {(part, arm, name): sums for name, sums in records.judge(part, forecast).items()}
    return found


def _split(result: Result, records: Records) -> dict[Part, Array]:
    assert result.output is not None, "every job of a request is scored"
    size = len(records.windows["validation"])
    return {"validation": result.output[:size], "test": result.output[size:]}


def _adapted(request: Request, records: Records, outputs: Mapping[str, Mapping[Part, Array]]) -> dict[str, Array]:
    """Adapted arm -> forecast of the test windows. The labels of the test are out of its sight."""
    pairs = {arm: (output["validation"], output["test"]) for arm, output in outputs.items()}
    found: dict[str, Array] = {}
    for arm in (arm for arm in ADAPTED if arm in request.plan.arms):
        past, settings = records.windows["validation"], request.plan.adaptation
        output = adapt.adapted(pairs, past, request.task, settings, arm)
        if output is not None:
            found[arm] = request.task.forecast(output, records.windows["test"])
    return found
