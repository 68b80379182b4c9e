"""The scores of one reply: sums of every model's forecasts, of the adapted arms and of the baselines."""

from collections.abc import Mapping, Sequence

import numpy as np

from federation.settings.schema import ADAPTED
from federation.training.jobs import Array, Result
from federation.vault import adaptation
from federation.vault.gate import ScoreName
from federation.vault.records import Records, evaluated_parts
from federation.vault.requests import Request
from tasks.data import Part, Windows
from tasks.evaluation.scores import Sums
from tasks.gathered_windows import joined


def scored_windows(records: Records, kind: str) -> Windows:
    """What a model is scored on: validation every round, that and all of the test together at the end."""
    return joined([records.windows[part] for part in parts_of(kind, records)])


def parts_of(kind: str, records: Records) -> tuple[Part, ...]:
    """Parts that a request scores, in the order in which their windows are laid together."""
    return evaluated_parts(records.calendar) if kind == "test" else ("validation",)


def scores(records: Records, forecasts: Mapping[Part, Mapping[str, Array]]) -> dict[ScoreName, Sums]:
    """Sums of every forecast. forecasts: part -> arm -> (N, H, K) in natural units."""
    return {
        (part, arm, name): sums
        for part, by_arm in forecasts.items()
        for arm, forecast in by_arm.items()
        for name, sums in records.evaluate(part, forecast).items()
    }


def forecasts(
    request: Request, records: Records, results: Mapping[str, Result], *, least: int
) -> dict[Part, dict[str, Array]]:
    """Of every model; the test adds what was adapted, and the baselines, which never change within a run.

    least: place-periods of validation that a correction rests on; with fewer, a forecast is mixed and not corrected.
    """
    parts = parts_of(request.kind, records)
    outputs = {arm: split(result, records, parts) for arm, result in results.items()}
    forecasts_by_part: dict[Part, dict[str, Array]] = {}
    for part in parts:
        windows = records.windows[part]
        forecasts_by_part[part] = {arm: request.task.forecast(output[part], windows) for arm, output in outputs.items()}
        if request.kind == "test":
            forecasts_by_part[part] |= records.known[part]
        if part != "validation":
            forecasts_by_part[part] |= _adapted(request, records, outputs, part, least)
    return forecasts_by_part


def split(result: Result, records: Records, parts: Sequence[Part]) -> dict[Part, Array]:
    """Part -> the model's output for its windows."""
    assert result.output is not None, "every job of a request is scored"
    ends = np.cumsum([len(records.windows[part]) for part in parts])
    return dict(zip(parts, np.split(result.output, ends[:-1]), strict=True))


def _adapted(
    request: Request, records: Records, outputs: Mapping[str, Mapping[Part, Array]], part: Part, least: int
) -> dict[str, Array]:
    """Adapted arm -> forecast of the windows of a part of the test, whose labels are out of its sight."""
    pairs = {arm: (output["validation"], output[part]) for arm, output in outputs.items()}
    adapted_forecasts: dict[str, Array] = {}
    for arm in (arm for arm in ADAPTED if arm in request.plan.arms):
        past, settings = _enough(records.windows["validation"], least), request.plan.adaptation
        output = adaptation.adapted(pairs, past, request.task, settings, arm)
        if output is not None:
            adapted_forecasts[arm] = request.task.forecast(output, records.windows[part])
    return adapted_forecasts


def _enough(past: Windows | adaptation.Past, least: int) -> adaptation.Past:
    """Without the targets of horizons of which fewer are known: a correction by one record would reveal that record."""
    target = past.target
    known = np.isfinite(target).sum(axis=0)
    return adaptation.Past(target=np.where(known >= least, target, np.float32(np.nan)), due=past.due)
