"""What a country issues: its models and its strongest baseline, mixed by shares that its validation years chose.

Quantiles are averaged level by level, and probabilities as logits, both in the task's model units. Forecast hubs issue
quantile averages: Ray et al. (2023), https://doi.org/10.1016/j.ijforecast.2022.06.005. They stay sharp, where a mean of
probabilities widens: Lichtendahl et al. (2013), https://doi.org/10.1287/mnsc.1120.1667. Logits: Satopaa et al. (2014),
https://doi.org/10.1016/j.ijforecast.2013.09.009.
"""

from collections.abc import Mapping
from math import isfinite

import numpy as np
import torch

from federation.settings.parts import AdaptationSettings
from federation.settings.plan import ISSUED
from federation.vault.own_models.adaptation import Past, corrected, mixed
from federation.vault.own_models.choices import Choices
from federation.vault.records import Records
from tasks.data import Array, Windows
from tasks.task import Task

MODELS = ("federated", "personalised", "local")  # members of the mix, as far as a run has them


def members(
    outputs: Mapping[str, Array], baselines: Mapping[str, Array], windows: Windows, task: Task
) -> dict[str, Array]:
    """Member -> (N, H, K) in model units, quantiles ascending.

    outputs: arm -> of these windows. baselines: those in the mix, one or none, in natural units.
    """
    there = {name: outputs[name] for name in MODELS if name in outputs}
    if task.output is not None:
        there |= {name: task.output(forecast, windows) for name, forecast in baselines.items()}
    return {name: np.sort(each, axis=-1) if task.levels else each for name, each in there.items()}


def issued(
    outputs: Mapping[str, Array], baselines: Mapping[str, Array], windows: Windows, task: Task, choices: Choices
) -> Array | None:
    """(N, H, K) forecast that a country issues, in natural units, by what it chose; by equal shares where it did not.

    None where it has no member of the mix. outputs, baselines: as `members` takes them.
    """
    there = members(outputs, baselines, windows, task)
    mix = mixed(there, choices.shares or dict.fromkeys(there, 1.0))
    return None if mix is None else task.forecast(corrected(mix, choices.corrections.get(ISSUED), task), windows)


def strongest_baseline(records: Records) -> dict[str, Array]:
    """The baseline with the best headline in the validation years, and its forecast of them; none where nothing was
    reported in them."""
    headline, score = next(iter(records.task.scores.items()))
    losses = {}
    for name in records.task.baselines:
        sums = records.evaluate("validation", records.known["validation"][name])[headline]
        value = float(score.estimate(sums).value[-1])
        losses[name] = -value if score.better == "larger" else value
    known = {name: loss for name, loss in losses.items() if isfinite(loss)}
    best = sorted(known, key=lambda name: known[name])[:1]
    return {name: records.known["validation"][name] for name in best}


def shares(
    then: Mapping[str, Array], past: Past, task: Task, settings: AdaptationSettings
) -> Mapping[str, float | Array]:
    """Member -> its share of the mix: those that would have been best in `past`, shrunk to equal ones.

    share = trust * best + (1 - trust) / M of M members, with trust = Y / (Y + years) of the Y calendar years in which
    anything is known and `adaptation.years`. `best` has the least loss of the task among all that add up to 1; the loss
    is convex in them. With `adaptation.by_horizon` a share is (H,): the best of each horizon, shrunk likewise to that
    of all horizons.
    then: member -> (N, H, K) for the windows of `past`.
    """
    equal = np.full(len(then), 1 / max(len(then), 1))
    if not np.isfinite(past.target).any() or len(then) < 2:
        return dict(zip(then, equal.tolist(), strict=True))
    outputs = np.stack(list(then.values()))
    of_all = _shrunk(outputs, past, task, settings, equal)
    if not settings.by_horizon:
        return dict(zip(then, of_all.tolist(), strict=True))
    horizons = (np.s_[h : h + 1] for h in range(past.target.shape[1]))
    each = [
        _shrunk(outputs[:, :, one], Past(target=past.target[:, one], due=past.due[:, one]), task, settings, of_all)
        for one in horizons
    ]
    return dict(zip(then, np.transpose(each), strict=True))


def _shrunk(outputs: Array, past: Past, task: Task, settings: AdaptationSettings, towards: Array) -> Array:
    """(M,) shares of least loss, drawn to others by the years in which anything is known. outputs: (M, N, H, K)."""
    years = len(np.unique(past.due[np.isfinite(past.target)].astype("datetime64[Y]")))
    if not years:
        return towards
    trust = years / (years + settings.years)
    return np.asarray(trust * _best(outputs, past.target, task, towards) + (1 - trust) * towards)


def _best(outputs: Array, target: Array, task: Task, start: Array) -> Array:
    """(M,) shares of least loss. outputs: (M, N, H, K)."""
    from scipy.optimize import minimize  # half a second that few commands need

    each, happened = (torch.from_numpy(values.astype(np.float64, copy=False)) for values in (outputs, target))

    def cost(tried: Array) -> tuple[float, Array]:
        share = torch.tensor(tried, dtype=torch.float64, requires_grad=True)
        loss = task.loss(torch.einsum("m,mnhk->nhk", share, each), happened)
        (slope,) = torch.autograd.grad(loss, share)
        return float(loss.detach()), slope.numpy()

    found = minimize(
        cost,
        start,
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * len(start),
        constraints={"type": "eq", "fun": lambda tried: tried.sum() - 1, "jac": lambda _: np.ones(len(start))},
    )
    share = np.clip(found.x if np.isfinite(found.x).all() else start, 0, 1)
    return np.asarray(share / share.sum())
