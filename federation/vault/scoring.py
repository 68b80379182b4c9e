"""The scores of one reply: sums of every model's forecasts, of the adapted arms and of the baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from federation.settings.plan import ADAPTED, ISSUED
from federation.training.jobs import Array, Result
from federation.vault.gate import ScoreName
from federation.vault.own_models import adaptation, mixing
from federation.vault.own_models.choices import Choices
from federation.vault.records import Records, evaluated_parts
from federation.vault.requests import Request
from tasks.data import Part, Windows
from tasks.evaluation.score import Sums
from tasks.gathered_windows import joined


def scored_windows(records: Records, kind: str) -> Windows:
    """What a model is scored on: validation every round, that and all of the test together at the end."""
    return joined([records.windows[part] for part in parts_of(kind, records)])


def parts_of(kind: str, records: Records) -> tuple[Part, ...]:
    """Parts that a request scores, in the order in which their windows are laid together."""
    return evaluated_parts(records.calendar) if kind == "test" else ("validation",)


def scores(records: Records, part: Part, forecasts: Mapping[str, Array], choices: Choices) -> dict[ScoreName, Sums]:
    """Sums of every forecast of a part. forecasts: arm -> (N, H, K) in natural units."""
    return {
        (part, arm, name): sums
        for arm, forecast in forecasts.items()
        for name, sums in records.evaluate(part, forecast, choices.calibrations.get(arm)).items()
    }


def forecasts(
    request: Request, records: Records, results: Mapping[str, Result], part: Part, choices: Choices
) -> dict[str, Array]:
    """Arm -> of every model; the test adds what was adapted, and the baselines, which never change within a run."""
    parts = parts_of(request.kind, records)
    outputs = {arm: split(result, records, parts) for arm, result in results.items()}
    windows = records.windows[part]
    by_arm = {arm: request.task.forecast(output[part], windows) for arm, output in outputs.items()}
    if request.kind == "test":
        by_arm |= records.known[part]
    if part != "validation":
        by_arm |= _adapted(request, records, outputs, part, choices)
    return by_arm


def choices(
    request: Request,
    records: Records,
    results: Mapping[str, Result],
    rounds: Mapping[str, tuple[int, ...]],
    *,
    least: int,
) -> Choices:
    """What the country chooses by the validation of its final models. rounds: of the means that its own models are.

    least: place-periods of validation that a correction rests on; with fewer, a forecast is mixed and not corrected.
    """
    chosen = _mixes(request, records, results, least)
    return _with_calibrations(request, records, results, replace(chosen, rounds=rounds))


def _mixes(request: Request, records: Records, results: Mapping[str, Result], least: int) -> Choices:
    """Shares and corrections of what is mixed."""
    settings, past = request.plan.adaptation, _enough(records.windows["validation"], least)
    then = {arm: split(result, records, parts_of("test", records))["validation"] for arm, result in results.items()}
    corrections = {
        arm: adaptation.correction(mix, past, request.task, settings)
        for arm in ADAPTED
        if arm in request.plan.arms
        and (mix := adaptation.mixed(then, adaptation.mix_shares(arm, settings))) is not None
    }
    if ISSUED not in request.plan.arms:
        return Choices(corrections=corrections)
    strongest = mixing.strongest_baseline(records)
    mixable = mixing.members(then, strongest, records.windows["validation"], request.task)
    shares = mixing.shares(mixable, past, request.task, settings)
    mix = adaptation.mixed(mixable, shares)
    if mix is not None:
        corrections[ISSUED] = adaptation.correction(mix, past, request.task, settings)
    return Choices(corrections=corrections, shares=shares)


def _with_calibrations(request: Request, records: Records, results: Mapping[str, Result], chosen: Choices) -> Choices:
    """With what the country learns, arm by arm, about the chances of events in its forecasts; of most tasks nothing."""
    if request.task.calibrate is None:
        return chosen
    outputs = {arm: split(result, records, parts_of("test", records)) for arm, result in results.items()}
    windows = records.windows["validation"]
    then = {arm: request.task.forecast(output["validation"], windows) for arm, output in outputs.items()}
    then |= {**records.known["validation"], **_adapted(request, records, outputs, "validation", chosen)}
    calibrations = {arm: each for arm, forecast in then.items() if (each := records.calibration(forecast)) is not None}
    return replace(chosen, calibrations=calibrations)


def split(result: Result, records: Records, parts: Sequence[Part]) -> dict[Part, Array]:
    """Part -> the model's output for its windows."""
    assert result.output is not None, "every job of a request is scored"
    ends = np.cumsum([len(records.windows[part]) for part in parts])
    return dict(zip(parts, np.split(result.output, ends[:-1]), strict=True))


def _adapted(
    request: Request, records: Records, outputs: Mapping[str, Mapping[Part, Array]], part: Part, choices: Choices
) -> dict[str, Array]:
    """Adapted arm -> forecast of the windows of a part of the test, whose labels are out of its sight."""
    now = {arm: output[part] for arm, output in outputs.items()}
    adapted_forecasts: dict[str, Array] = {}
    for arm in (arm for arm in ADAPTED if arm in request.plan.arms):
        mix = adaptation.mixed(now, adaptation.mix_shares(arm, request.plan.adaptation))
        if mix is not None:
            output = adaptation.corrected(mix, choices.corrections.get(arm), request.task)
            adapted_forecasts[arm] = request.task.forecast(output, records.windows[part])
    if ISSUED in request.plan.arms:
        baselines = {name: each for name, each in records.known[part].items() if name in choices.shares}
        issued = mixing.issued(now, baselines, records.windows[part], request.task, choices)
        if issued is not None:
            adapted_forecasts[ISSUED] = issued
    return adapted_forecasts


def _enough(past: Windows | adaptation.Past, least: int) -> adaptation.Past:
    """Without the targets of horizons of which fewer are known: a correction by one record would reveal that record."""
    target = past.target
    known = np.isfinite(target).sum(axis=0)
    return adaptation.Past(target=np.where(known >= least, target, np.float32(np.nan)), due=past.due)
