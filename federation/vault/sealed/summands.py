"""What a country adds to the sums of one sealed round, before it is masked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from federation.seals.fixed_point import Floats
from federation.seals.layout import ScoreName
from federation.seals.model import Arrays, vector
from federation.seals.run import SealedRun, bound_of
from federation.settings.plan import CHAMPION
from federation.training.jobs import Result, Tensors
from federation.vault import gate, plain_round
from federation.vault.noised import round as noised_round
from federation.vault.noised.round import Noised
from federation.vault.requests import Request
from federation.vault.sealed.bounds import mean_noise
from federation.vault.vault import Vault
from tasks.evaluation.paired_difference import Blocks, paired_interval
from tasks.evaluation.score import Sums


@dataclass(frozen=True, kw_only=True)
class Summands:
    """arrays: of the update, `update/NAME` -> values within the bound; scores: that are summed.

    norm: L2 of the country's own update, with which it compares the mean. own_scores: of all arms,
    own_differences: of pairs of them; both stay at home.
    memory: what is kept of the round. verdict: (2,) whether the model is better than the champion for certain, and
    whether it is worse.
    """

    arrays: Arrays
    scores: Mapping[ScoreName, Sums]
    norm: float
    own_scores: Mapping[ScoreName, Sums]
    memory: Tensors
    own_differences: Mapping[str, Blocks] = field(default_factory=dict)
    verdict: Floats = field(default_factory=lambda: np.zeros(2))


def trained(vault: Vault, request: Request, memory: Tensors, results: Sequence[Result]) -> Summands:
    """Of training. memory: as it stood before the round. Raises PolicyRefusal for what may not leave."""
    computed = plain_round.computed(vault, request, results, memory)
    arrays, scale = gate.sealed_values(computed.outgoing, computed.contract, vault.policy, bound_of(request.plan))
    return Summands(
        arrays=arrays,
        scores=computed.scores,
        norm=_norm(arrays) / scale,  # as long as training made it, however short the policy lets it leave
        own_scores=computed.scores,
        own_differences=computed.differences,
        memory=plain_round.memory_after(vault, computed, memory, scale),
        verdict=_verdict(request, computed.differences.get(f"federated-{CHAMPION}")),
    )


def noised(vault: Vault, own: Noised, run: SealedRun, memory: Tensors, results: Sequence[Result]) -> Summands:
    """Under differential privacy: noised and charged as in a run that is not sealed. Raises PolicyRefusal.

    Of many places the update is shorter than the noise that the others bring into the mean, which is known.
    """
    request = own.request
    outgoing = vault.charged(own, results)
    arrays, _ = gate.sealed_values(outgoing, noised_round.contract(own), vault.policy, bound_of(request.plan))
    scores, kept = plain_round.own_models(vault, request, results, memory)
    usual = mean_noise(run, request.round, vector(arrays).size) if arrays else 0.0
    return Summands(
        arrays=arrays,
        scores=outgoing.scores,
        norm=max(_norm(arrays), usual),
        own_scores=scores,
        memory=kept,
    )


def _verdict(request: Request, blocks: Blocks | None) -> Floats:
    if blocks is None:
        return np.zeros(2)
    interval = paired_interval(blocks)
    low, high = (float(interval[end][-1]) for end in ("low", "high"))
    less, more = float(high < 0), float(low > 0)
    headline = next(iter(request.task.scores.values()))
    return np.array([more, less] if headline.better == "larger" else [less, more])


def _norm(arrays: Arrays) -> float:
    return float(np.linalg.norm(vector(arrays))) if arrays else 0.0
