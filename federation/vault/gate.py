"""The gate: the one way out of a vault. What is not named in the contract does not leave."""

from collections.abc import Iterable, Mapping
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
from tasks.evaluation.score import LARGEST, Sums

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
NOISED_HEADER = {  # of a reply whose numbers are noised
    **{key: HEADER[key] for key in ("country", "run", "round", "examples", "steps", "suppressed")},
    "epsilon": float,
}
SUMMARY = {"country", "run", "task", "minimum", "learns", "parts", "objections", "summary"}


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What may leave for one request, known to the vault from its own installed task and strategy.

    arrays: name -> (shape, dtype). scores: (part, arm, score) -> names of its sums, each (horizons + 1,); of the part
    'paired' the arm is a pair of them, and instead of sums the difference and its interval's ends leave.
    histograms: scores whose sums are of `tasks.evaluation.histograms`, with the probability from which on a warning is
    given.
    magnitudes: those of a score's sums that are held to the dominance rule, see `Score.magnitudes`.
    differences: a difference -> the two scores whose difference it is.
    transport, seed: how weights travel, and of their rounding.
    packages: of other people, whose code made it -> version and digest.
    """

    arrays: Mapping[str, tuple[tuple[int, ...], str]]
    scores: Mapping[ScoreName, tuple[str, ...]]
    horizons: int
    histograms: Mapping[str, float] = field(default_factory=dict)
    magnitudes: Mapping[ScoreName, tuple[str, ...]] = field(default_factory=dict)
    differences: Mapping[ScoreName, tuple[ScoreName, ScoreName]] = field(default_factory=dict)
    transport: str = "float32"
    seed: int = 0
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A reply before the gate: a header, arrays, and scores as sums. last: the test's; nothing follows on it.

    noised: every number of it is public or hidden behind noise, so that no cohort has to stand behind it.
    """

    kind: str
    header: Mapping[str, Any]
    arrays: Arrays = field(default_factory=dict)
    scores: Mapping[ScoreName, Sums] = field(default_factory=dict)
    last: bool = False
    noised: bool = False


def release(outgoing: Outgoing, contract: Contract, policy: Policy) -> tuple[bytes, Entry]:
    """The frame that may leave, and its row for the ledger, which must be written before the frame is handed on.

    Updates larger than the policy's norm are scaled down, so that they arrive no larger. Score rows with fewer
    place-periods than the policy's cohort, with a `small_count`, or dominated by one term, are suppressed (zero sums
    and counts), and so is what would reveal them: see `reportable_rows` and `compared_rows`. The bins of histograms
    are merged as `histograms.coarse` says.
    Of a noised reply no row is suppressed; nothing leaves with it that is neither public nor noised.
    Where the policy keeps `round_scores` in the country, no row and no loss leaves before the last reply.
    Raises PolicyRefusal for a name, shape, dtype or header key outside the contract, and for values that are not
    finite.
    """
    allowed = {name: _allowed(name, value, contract) for name, value in outgoing.arrays.items()}
    arrays = _packed(_clipped(allowed, policy), contract, policy)
    suppressed: list[str] = []
    for name in outgoing.scores:
        scored = _noised_score if outgoing.noised else _score
        leaving = scored(name, outgoing.scores, contract, policy)
        if not (outgoing.noised or outgoing.last) and not policy.round_scores:
            leaving = {key: np.zeros_like(value) for key, value in leaving.items()}
        path = "/".join(name)
        if not outgoing.noised:
            suppressed += [f"{path}/{row}" for row in np.flatnonzero(leaving["count"] == 0)]
        arrays |= {f"score/{path}/{key}": value for key, value in leaving.items()}
    header = {**outgoing.header, "suppressed": suppressed}
    if not policy.round_scores:
        header.pop("loss", None)
        header.pop("start_loss", None)
    known = NOISED_HEADER if outgoing.noised else HEADER
    for key, value in header.items():
        if key not in known or type(value) is not known[key]:
            raise PolicyRefusal(f"{policy.country}: {key!r} may not leave in a reply's header")
    data = encode(Frame(kind=outgoing.kind, header=header, arrays=arrays))
    contents = {
        "arrays": {name: list(value.shape) for name, value in arrays.items() if not name.startswith("score/")},
        "scores": sorted("/".join(name) for name in outgoing.scores),
        "suppressed": suppressed,
        "examples": header["examples"],
        **({"packages": dict(contract.packages)} if contract.packages else {}),
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


def release_summary(header: Mapping[str, Any], policy: Policy) -> tuple[bytes, Entry]:
    """A summary of records that may leave, see `federation.vault.exploring`, and its row for the ledger.

    Raises PolicyRefusal for a key that is not known, and for a number with fewer place-periods behind it than the
    policy's cohort.
    """
    summary, parts = header["summary"], header["parts"]
    if set(header) != SUMMARY or set(parts) != {"train", "validation", "test"}:
        raise PolicyRefusal(f"{policy.country}: a summary with {', '.join(sorted(header))} may not leave")
    counts = [
        *(group["reported"] for key in ("years", "season") for group in summary[key]),
        *filter(None, parts.values()),
    ]
    if min(counts, default=policy.minimum_cohort) < policy.minimum_cohort:
        raise PolicyRefusal(f"{policy.country}: a number of fewer than {policy.minimum_cohort} records may not leave")
    data = encode(Frame(kind="explored", header=header))
    contents = {"task": header["task"], "years": len(summary["years"]), "season": len(summary["season"])}
    entry = Entry(
        country=header["country"],
        run=header["run"],
        round=0,
        kind="explored",
        digest=digest(data),
        bytes=len(data),
        contents=contents,
    )
    return data, entry


def sealed_values(outgoing: Outgoing, contract: Contract, policy: Policy, bound: float) -> tuple[Arrays, float]:
    """The update that goes into a sealed sum, and by what factor it was made smaller.

    It is held to the policy's norm and to `bound`, which no value exceeds: an update of training is made shorter, of a
    noised one each value is cut. Scores are summed over countries before anybody sees them, so no row of a single
    country's is suppressed.
    Raises PolicyRefusal for a name, shape or dtype outside the contract, and for values that are not finite.
    """
    allowed = {name: _allowed(name, value, contract) for name, value in outgoing.arrays.items()}
    if outgoing.noised:
        return {name: np.clip(value, -bound, bound) for name, value in _clipped(allowed, policy).items()}, 1.0
    largest = max((float(np.abs(value).max(initial=0.0)) for value in allowed.values()), default=0.0)
    scale = min(scale_of(allowed, policy), bound / largest if largest else 1.0)
    return {name: value * value.dtype.type(scale) for name, value in allowed.items()}, scale


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


def _score(
    name: ScoreName, scores: Mapping[ScoreName, Sums], contract: Contract, policy: Policy
) -> dict[str, NDArray[Any]]:
    """The sums as they leave, all of them 0 in the rows that do not."""
    _check_sums(name, scores[name], contract)
    magnitudes, cut = contract.magnitudes.get(name, ()), contract.histograms.get(name[2])
    leaving = reported(scores[name], contract.scores[name], magnitudes, cut, policy)
    if name in contract.differences:
        leaving = only(compared_rows(name, scores, contract, policy), leaving)
    return leaving


def _noised_score(
    name: ScoreName, scores: Mapping[ScoreName, Sums], contract: Contract, _: Policy
) -> dict[str, NDArray[Any]]:
    """The sums as they are: noise hides in them what a cohort would."""
    _check_sums(name, scores[name], contract)
    return dict(scores[name])


def _check_sums(name: ScoreName, sums: Sums, contract: Contract) -> None:
    """Raise PolicyRefusal unless there are the sums of the contract, what decides on their rows, and nothing else."""
    magnitudes = contract.magnitudes.get(name, ())
    needed = {*contract.scores.get(name, ()), *magnitudes, *(f"{LARGEST}{each}" for each in magnitudes)}
    if set(sums) - {"small_count"} != needed or name not in contract.scores:
        raise PolicyRefusal(f"score {'/'.join(name)} with {', '.join(sorted(sums))} may not leave")
    binned = histograms.BINNED if name[2] in contract.histograms else ()
    for key, value in sums.items():
        shape = (contract.horizons + 1, histograms.BINS) if key in binned else (contract.horizons + 1,)
        if value.shape != shape or not np.isfinite(value).all():
            raise PolicyRefusal(f"score {'/'.join(name)} is not one finite number a horizon; it may not leave")


def reported(
    sums: Sums, names: Iterable[str], magnitudes: Iterable[str], cut: float | None, policy: Policy
) -> dict[str, NDArray[Any]]:
    """A score's sums of these names as a country reports them, if nothing else gave its rows back.

    cut: of a histogram, see `Contract`; none of other scores.
    """
    small = sums.get("small_count", np.zeros(len(sums["count"]))) > 0
    dominated = dominated_rows(sums, magnitudes, policy)
    named = {name: sums[name] for name in names}
    if cut is not None:
        named = histograms.coarse(named, cut, policy.minimum_cohort)
    return only(reportable_rows(named["count"], policy, small | dominated), named)


def only(rows: NDArray[Any], sums: Sums) -> dict[str, NDArray[Any]]:
    """The sums, 0 in all but these rows."""
    return {name: np.where(rows, value.T, 0.0).T for name, value in sums.items()}


def dominated_rows(sums: Sums, magnitudes: Iterable[str], policy: Policy) -> NDArray[Any]:
    """(H + 1,) where one term is more than the policy's share of a sum of magnitudes, which would reveal it.

    Two scores whose terms are in proportion are dominated in the same rows, so that neither gives back the other.
    Source: the (1, k) dominance rule, Hundepool et al. (2012), Statistical Disclosure Control, chapter 4.
    """
    dominated: NDArray[Any] = np.zeros(len(sums["count"]), bool)
    for name in magnitudes:
        dominated |= sums[f"{LARGEST}{name}"] > policy.largest_term * sums[name]
    return dominated


def reportable_rows(count: NDArray[Any], policy: Policy, withheld: NDArray[Any] | bool = False) -> NDArray[Any]:
    """(H + 1,) place-periods by horizon and of all, and rows withheld for other reasons -> which rows may leave.

    Nothing else of a round gives back a row that does not: other parts are of other periods, variances are suppressed
    with their sum, counts and histograms hold no size of an error, and the loss is of training.
    """
    reportable: NDArray[Any] = (count >= policy.minimum_cohort) & ~np.asarray(withheld)
    if ((count > 0) & ~reportable)[:-1].any():
        # All horizons together, less those that leave, would be the ones withheld; and as horizons look at the same
        # place-periods, three of eight make eight, not 24.
        reportable[-1] = False
    return reportable


def compared_rows(
    name: ScoreName, scores: Mapping[ScoreName, Sums], contract: Contract, policy: Policy
) -> NDArray[Any]:
    """(H + 1,) where neither of two compared scores is suppressed: the difference and one of them give the other.

    Horizons with a small count need no such rule, a difference leaves them out of all its rows. Raises PolicyRefusal
    for a difference that comes without the two.
    """
    rows: NDArray[Any] = np.ones(contract.horizons + 1, bool)
    for each in contract.differences[name]:
        if each not in scores:
            raise PolicyRefusal(f"difference {'/'.join(name)} without {'/'.join(each)} may not leave")
        dominated = dominated_rows(scores[each], contract.magnitudes.get(each, ()), policy)
        rows &= reportable_rows(scores[each]["count"], policy, dominated)
    return rows
