"""What a country adds to the sums of one sealed round, before it is masked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from federation.seals.layout import ScoreName
from federation.seals.model import Arrays, vector
from federation.seals.run import SealedRun, bound_of
from federation.training.jobs import Result, Tensors
from federation.vault import gate, noised_round
from federation.vault.noised_round import Noised
from federation.vault.requests import Request
from federation.vault.sealed_bounds import mean_noise
from tasks.evaluation.scores import Sums

if TYPE_CHECKING:
    from federation.vault.vault import Vault


@dataclass(frozen=True, kw_only=True)
class Summands:
    """arrays: of the update, `update/NAME` -> values within the bound; scores: that are summed.

    norm: L2 of the country's own update, with which it compares the mean. own_scores: of all arms, which stay at home.
    memory: what is kept of the round.
    """

    arrays: Arrays
    scores: Mapping[ScoreName, Sums]
    norm: float
    own_scores: Mapping[ScoreName, Sums]
    memory: Tensors


def trained(vault: "Vault", request: Request, memory: Tensors, results: Sequence[Result]) -> Summands:
    """Of training. memory: as it stood before the round. Raises PolicyRefusal for what may not leave."""
    computed = vault.computed(request, results, memory)
    arrays, scale = gate.sealed_values(computed.outgoing, computed.contract, vault.policy, bound_of(request.plan))
    return Summands(
        arrays=arrays,
        scores=computed.scores,
        norm=_norm(arrays) / scale,  # as long as training made it, however short the policy lets it leave
        own_scores=computed.scores,
        memory=vault.memory_after(computed, memory, scale),
    )


def noised(vault: "Vault", own: Noised, run: SealedRun, memory: Tensors, results: Sequence[Result]) -> Summands:
    """Under differential privacy: noised and charged as in a run that is not sealed. Raises PolicyRefusal.

    Of many places the update is shorter than the noise that the others bring into the mean, which is known.
    """
    request = own.request
    outgoing = vault.charged(own, results)
    arrays, _ = gate.sealed_values(outgoing, noised_round.contract(own), vault.policy, bound_of(request.plan))
    scores, kept = vault.own_models(request, results, memory)
    usual = mean_noise(run, request.round, vector(arrays).size) if arrays else 0.0
    return Summands(
        arrays=arrays,
        scores=outgoing.scores,
        norm=max(_norm(arrays), usual),
        own_scores=scores,
        memory=kept,
    )


def _norm(arrays: Arrays) -> float:
    return float(np.linalg.norm(vector(arrays))) if arrays else 0.0
