"""Checks of every reply before it may touch the model; each names the country and what was wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.coordinator.claims import Claim, check_counts, check_examples, check_steps, claim_of
from federation.coordinator.state import Arrays
from federation.errors import UpdateRejected
from federation.settings.plan import CHAMPION, Plan, compared
from federation.strategies import STRATEGIES
from federation.wire.frame import Frame
from tasks.evaluation import histograms
from tasks.evaluation.paired_difference import NAMES
from tasks.evaluation.score import HistogramScore, Sums
from tasks.registry import TASKS

# An update is an outlier if a step of it is OUTLIER times the cohort's median, or all of it is GIANT times the median.
# Steps of countries of unequal size are similar, but their number is a country's own claim; hence the second bound.
OUTLIER, GIANT = 10.0, 100.0
LARGEST = 2**53  # of a count; beyond that a float is another number
NONE_DECLARED: Mapping[str, Claim] = MappingProxyType({})
ScoreName = tuple[str, str, str]  # part, arm, score


@dataclass(frozen=True, kw_only=True)
class Update:
    """A reply that was understood: the change of the model, what the strategy shares, scores as sums."""

    country: str
    examples: int
    steps: int
    loss: float | None  # None where the country keeps it
    start_loss: float | None = None  # of the model that arrived; where the strategy weighs by it
    change: Arrays
    shared: Arrays
    scores: Mapping[ScoreName, Sums]
    fingerprint: str
    suppressed: tuple[str, ...]
    epsilon: float | None = None  # that the run has cost the country, as it says

    @property
    def norm(self) -> float:
        """L2 norm of the change."""
        return float(np.sqrt(sum(float(np.square(value, dtype=np.float64).sum()) for value in self.change.values())))


def check_same_records(country: str, fingerprint: str, known: Mapping[str, str]) -> None:
    """Raise UpdateRejected for a country whose records are not those of the rounds before: a model would be of both."""
    if fingerprint and known.get(country, fingerprint) != fingerprint:
        raise UpdateRejected(f"{country} has other records than in the rounds before; start a new run with them")


def read_update(
    frame: Frame,
    *,
    country: str,
    run: str,
    round_: int,
    model: Arrays,
    shared: Arrays,
    plan: Plan,
    declared: Mapping[str, Claim] = NONE_DECLARED,
) -> Update:
    """The update in a reply. `country` is who the enrolled node belongs to. Raises UpdateRejected."""
    header, claim = frame.header, claim_of(declared, country, plan)
    for key, expected in (("run", run), ("round", round_), ("country", country)):
        if header.get(key) != expected:
            raise UpdateRejected(
                f"{country} replied for {key} {str(header.get(key))[:80]!r}, requested was {expected!r}"
            )
    examples, steps = (_count(country, header, key) for key in ("examples", "steps"))
    loss, suppressed = header.get("loss"), header.get("suppressed", [])
    check_examples(country, examples, claim)
    check_steps(country, steps, examples, plan)
    if type(loss) not in (float, type(None)) or not isinstance(suppressed, list):
        raise UpdateRejected(f"{country} reports a loss or suppressed scores that are none")
    start_loss, epsilon = header.get("start_loss"), header.get("epsilon")
    if epsilon is not None and (type(epsilon) is not float or not 0 <= epsilon < np.inf):
        raise UpdateRejected(f"{country} reports {str(epsilon)[:40]} as its epsilon")
    if examples and STRATEGIES[plan.strategy.name].client(plan.strategy).start_loss:
        _need_loss(country, start_loss, plan)
    strange = [name for name in frame.arrays if name.split("/")[0] not in ("update", "shared", "score")]
    if strange:
        raise UpdateRejected(f"{country} sends {strange[0][:80]!r}, which was not requested")
    change, released = frame.group("update"), frame.group("shared")
    if examples:
        _check_same_structure(country, "update", change, model)
        _check_same_structure(country, "shared", released, shared)
    elif change or released:
        raise UpdateRejected(f"{country} sends an update that rests on no example")
    return Update(
        country=country,
        examples=examples,
        steps=steps,
        loss=loss,
        start_loss=start_loss,
        change=change,
        shared=released,
        scores=_scores(country, frame, plan, claim),
        fingerprint=str(header.get("fingerprint", ""))[:64],
        suppressed=tuple(str(name)[:200] for name in suppressed[:10_000]),
        epsilon=epsilon,
    )


def _count(country: str, header: Mapping[str, Any], key: str) -> int:
    number = header.get(key)
    if type(number) is not int or not 0 <= number <= LARGEST:
        raise UpdateRejected(f"{country} reports {str(number)[:40]} {key}")
    return number


def _need_loss(country: str, loss: Any, plan: Plan) -> None:
    if loss is None:
        raise UpdateRejected(
            f"{country} keeps its losses (round_scores = false in its policy) and strategy={plan.strategy.name} weighs "
            f"updates by them; choose another strategy, or leave {country} out"
        )
    if type(loss) is not float or not 0 <= loss < np.inf:
        raise UpdateRejected(f"{country} reports {str(loss)[:40]} as the loss of the model that arrived")


def outliers(updates: Sequence[Update]) -> dict[str, str]:
    """country -> why, for updates far larger than the cohort's; a median needs no history, so it holds in round 1."""
    trained = [update for update in updates if update.examples]
    if len(trained) < 3:  # of two, nobody can say which one is off
        return {}
    bounds = (
        ("a step", OUTLIER, {update.country: update.norm / update.steps for update in trained}),
        ("the whole", GIANT, {update.country: update.norm for update in trained}),
    )
    reasons: dict[str, str] = {}
    for what, times, norms in bounds:
        middle = float(np.median(list(norms.values())))
        reasons |= {
            country: f"{country} sends an update of which {what} is over {times:g} times the median of the region"
            for country, norm in norms.items()
            if norm > times * middle > 0
        }
    return reasons


def _check_same_structure(country: str, what: str, arrays: Arrays, expected: Arrays) -> None:
    missing, extra = sorted(set(expected) - set(arrays)), sorted(set(arrays) - set(expected))
    if missing or extra:
        lacks, unexpected = (", ".join(names)[:100] or "none" for names in (missing, extra))
        raise UpdateRejected(f"{country}: {what}: missing arrays: {lacks}; unexpected arrays: {unexpected!r}")
    for name, value in arrays.items():
        if value.shape != expected[name].shape or value.dtype != expected[name].dtype:
            raise UpdateRejected(
                f"{country}: {what} {name} has shape {value.shape} and dtype {value.dtype}, "
                f"expected {expected[name].shape} and {expected[name].dtype}"
            )
        if not np.isfinite(value).all():
            raise UpdateRejected(f"{country}: {what} {name} holds NaN or Inf")


def _scores(country: str, frame: Frame, plan: Plan, claim: tuple[Claim, str]) -> dict[ScoreName, Sums]:
    """(part, arm, score) -> its sums. Raises UpdateRejected for a name or a value that cannot be."""
    task = TASKS[plan.task.name]
    excluded = ["excluded_period"] if plan.task.calendar.excluded_period else []
    parts, arms = {"validation", "test", *excluded}, {*plan.arms, *task.baselines, "oracle"}
    arms |= {CHAMPION} if plan.champion_part else set()
    pairs, headline = {f"{arm}-{other}" for arm, other in compared(plan, task.baselines)}, next(iter(task.scores))
    scores: dict[ScoreName, dict[str, NDArray[Any]]] = {}
    for path, value in frame.group("score").items():
        match path.split("/"):
            case [part, arm, score, name] if (
                part in parts and arm in arms and score in task.scores and name in task.scores[score].names
            ):
                scores.setdefault((part, arm, score), {})[name] = value
            case ["paired", pair, score, name] if pair in pairs and score == headline and name in NAMES:
                scores.setdefault(("paired", pair, score), {})[name] = value
            case _:
                raise UpdateRejected(f"{country}: score {path[:80]} is unknown")
    for (part, _, score), sums in scores.items():
        _check_sums(country, part, score, sums, plan)
        check_counts(country, score, sums["count"], claim)
    return dict(scores)


def _check_sums(country: str, part: str, score: str, sums: Sums, plan: Plan) -> None:
    """Raise UpdateRejected unless the sums of one score are whole, finite, of the right shape, and can be counted."""
    task = TASKS[plan.task.name]
    rows = len(task.horizons(plan.task)) + 1
    binned = histograms.BINNED if isinstance(task.scores[score], HistogramScore) else ()
    fits = all(
        value.shape == ((rows, histograms.BINS) if name in binned else (rows,)) and np.isfinite(value).all()
        for name, value in sums.items()
    )
    if set(sums) != set(NAMES if part == "paired" else task.scores[score].names) or not fits:
        raise UpdateRejected(f"{country}: the sums of score {score} are incomplete or not finite")
    counted = sums if binned and part != "paired" else {"count": sums["count"]}  # of a histogram all are counts
    most = np.minimum(sums["count"], LARGEST)
    if not all(((value.T >= 0) & (most >= value.T)).all() for value in counted.values()):
        raise UpdateRejected(f"{country}: score {score} has an impossible count")
    signed = NAMES if part == "paired" else task.scores[score].signed
    if any((value < 0).any() for name, value in sums.items() if name not in signed):
        raise UpdateRejected(f"{country}: score {score} has a sum below 0, which no forecast has")
    if part == "paired" and not ((sums["low"] <= sums["value"]) & (sums["value"] <= sums["high"])).all():
        raise UpdateRejected(f"{country}: a difference lies outside its own interval")
