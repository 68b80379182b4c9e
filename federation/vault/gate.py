"""The gate: the one way out of a vault. What is not named in the contract does not leave."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.errors import PolicyRefusal
from federation.policy.keys import Policy
from federation.vault.ledger import Entry
from federation.wire.compression import packed, unpacked
from federation.wire.frame import Frame, digest, encode
from tasks.evaluation import histograms
from tasks.evaluation.scores import Sums

Arrays = Mapping[str, NDArray[Any]]
ScoreName = tuple[str, str, str]  # part, arm, score

HEADER = {
    "country": str,
    "run": str,
    "round": int,
    "examples": int,
    "steps": int,
    "loss": float,
    "start_loss": float,
    "fingerprint": str,
    "suppressed": list,
}


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What may leave for one request, known to the vault from its own installed task and strategy.

    arrays: name -> (shape, dtype). scores: (part, arm, score) -> names of its sums, each (horizons + 1,); of the part
    'paired' the arm is a pair of them, and instead of sums the difference and its interval's ends leave.
    histograms: scores whose sums are of `tasks.evaluation.histograms`, with the probability from which on a warning is
    given.
    transport, seed: how weights travel, and of their rounding.
    """

    arrays: Mapping[str, tuple[tuple[int, ...], str]]
    scores: Mapping[ScoreName, tuple[str, ...]]
    horizons: int
    histograms: Mapping[str, float] = field(default_factory=dict)
    transport: str = "float32"
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A reply before the gate: a header, arrays, and scores as sums. last: the test's; nothing follows on it."""

    kind: str
    header: Mapping[str, Any]
    arrays: Arrays = field(default_factory=dict)
    scores: Mapping[ScoreName, Sums] = field(default_factory=dict)
    last: bool = False


def release(outgoing: Outgoing, contract: Contract, policy: Policy) -> tuple[bytes, Entry]:
    """The frame that may leave, and its row for the ledger, which must be written before the frame is handed on.

    Updates larger than the policy's norm are scaled down, so that they arrive no larger. Score rows with fewer
    place-periods than the policy's cohort, or with a `small_count`, are suppressed (zero sums and counts), and so is
    the row of all horizons where it would reveal them. The bins of histograms are merged as `histograms.coarse` says.
    Where the policy keeps `round_scores` in the country, no row and no loss leaves before the last reply.
    Raises PolicyRefusal for a name, shape, dtype or header key outside the contract, and for values that are not
    finite.
    """
    allowed = {name: _allowed(name, value, contract) for name, value in outgoing.arrays.items()}
    arrays = _packed(_clipped(allowed, policy), contract, policy)
    suppressed: list[str] = []
    for name, sums in outgoing.scores.items():
        leaving = _score(name, sums, contract, policy)
        if not outgoing.last and not policy.round_scores:
            leaving = {key: np.zeros_like(value) for key, value in leaving.items()}
        path = "/".join(name)
        suppressed += [f"{path}/{row}" for row in np.flatnonzero(leaving["count"] == 0)]
        arrays |= {f"score/{path}/{key}": value for key, value in leaving.items()}
    header = {**outgoing.header, "suppressed": suppressed}
    if not policy.round_scores:
        header.pop("loss", None)
        header.pop("start_loss", None)
    for key, value in header.items():
        if key not in HEADER or type(value) is not HEADER[key]:
            raise PolicyRefusal(f"{policy.country}: {key!r} may not leave in a reply's header")
    data = encode(Frame(kind=outgoing.kind, header=header, arrays=arrays))
    contents = {
        "arrays": {name: list(value.shape) for name, value in arrays.items() if not name.startswith("score/")},
        "scores": sorted("/".join(name) for name in outgoing.scores),
        "suppressed": suppressed,
        "examples": header["examples"],
    }
    entry = Entry(
        country=header["country"],
        run=header["run"],
        round=header["round"],
        kind=outgoing.kind,
        digest=digest(data),
        bytes=len(data),
        contents=contents,
    )
    return data, entry


def _allowed(name: str, value: NDArray[Any], contract: Contract) -> NDArray[Any]:
    if contract.arrays.get(name) != (value.shape, value.dtype.name):
        raise PolicyRefusal(f"array {name!r} of shape {value.shape} and dtype {value.dtype} may not leave")
    if not np.isfinite(value).all():
        raise PolicyRefusal(f"array {name!r} holds values that are not finite; nothing of this round leaves")
    return value


def scale_of(arrays: Arrays, policy: Policy) -> float:
    """The factor, at most 1, by which the policy shrinks an update of these arrays before it leaves."""
    norm = float(np.sqrt(sum(float(np.square(value, dtype=np.float64).sum()) for value in arrays.values())))
    return min(1.0, policy.largest_update / norm) if policy.largest_update and norm else 1.0


def _clipped(arrays: dict[str, NDArray[Any]], policy: Policy) -> dict[str, NDArray[Any]]:
    scale = scale_of(arrays, policy)
    if scale == 1.0:
        return arrays
    return {name: value * value.dtype.type(scale) for name, value in arrays.items()}


def _packed(arrays: dict[str, NDArray[Any]], contract: Contract, policy: Policy) -> dict[str, NDArray[Any]]:
    """Rounded for its way; where rounding made an update larger than the policy allows, smaller first."""
    sent = packed(arrays, contract.transport, contract.seed)
    scale = scale_of(unpacked(sent, contract.transport), policy)
    if contract.transport == "float32" or scale == 1.0:
        return sent
    # Rounding again draws the same, so that int8 shrinks by this factor; the rest is the last place of bf16.
    factor = np.float32(scale * (1 - 2.0**-7))
    return packed({name: value * factor for name, value in arrays.items()}, contract.transport, contract.seed)


def _score(name: ScoreName, sums: Sums, contract: Contract, policy: Policy) -> dict[str, NDArray[Any]]:
    """The sums as they leave, all of them 0 in the rows that do not."""
    sums = dict(sums)
    small = sums.pop("small_count", np.zeros(contract.horizons + 1)) > 0
    if set(sums) != set(contract.scores.get(name, ())):
        raise PolicyRefusal(f"score {'/'.join(name)} with {', '.join(sorted(sums))} may not leave")
    cut = contract.histograms.get(name[2])
    binned = histograms.BINNED if cut is not None else ()
    for key, value in sums.items():
        shape = (contract.horizons + 1, histograms.BINS) if key in binned else (contract.horizons + 1,)
        if value.shape != shape or not np.isfinite(value).all():
            raise PolicyRefusal(f"score {'/'.join(name)} is not one finite number a horizon; it may not leave")
    if cut is not None:
        sums = histograms.coarse(sums, cut, policy.minimum_cohort)
    leaving = reportable_rows(sums["count"], policy) & ~small
    return {key: np.where(leaving, value.T, 0.0).T for key, value in sums.items()}


def reportable_rows(count: NDArray[Any], policy: Policy) -> NDArray[Any]:
    """(H + 1,) place-periods by horizon and of all -> which rows may leave."""
    reportable: NDArray[Any] = count >= policy.minimum_cohort
    if ((count > 0) & ~reportable)[:-1].any():
        # All horizons together, less those that leave, would be the ones withheld; and as horizons look at the same
        # place-periods, three of eight make eight, not 24.
        reportable[-1] = False
    return reportable
