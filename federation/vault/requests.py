"""Requests as a vault understands them: every key and range checked against what is installed here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import torch

from federation.composition.restore import parameter_count, restore
from federation.errors import PolicyRefusal
from federation.settings.plan import CHAMPION, INITIAL, Plan
from federation.settings.values import digest_of
from federation.strategies import STRATEGIES
from federation.strategies.strategy import Strategy, public
from federation.training.jobs import Array, Tensors
from federation.wire.compression import unpacked
from federation.wire.frame import Frame, decode, digest
from federation.wire.header import REQUEST
from federation.wire.model import model_digest, model_mean
from tasks.models.weights import built, trainable
from tasks.registry import TASKS
from tasks.task import Task

LONGEST_NAME = 200
CANDIDATE = "candidate"  # group of a test: candidate/ROUND/model/NAME, packed as in that round
KINDS = ("train", "validate", "test")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A frame that could be served. After the rounds come a validation (rounds + 1) and the test (rounds + 2), once.

    last_aggregated: the last round before this one whose aggregate holds this country's update; 0 if none does yet.
    frame: as it came, its arrays packed. digest: of the whole frame, which shows a repetition.
    plan_digest: of the plan, which a run keeps.
    """

    frame: Frame
    kind: str
    run: str
    round: int
    last_aggregated: int
    plan: Plan
    task: Task
    strategy: Strategy
    digest: str
    plan_digest: str

    @cached_property
    def fresh(self) -> "Fresh":
        """The model that is installed here for this plan."""
        return fresh(self.task, self.plan)

    @cached_property
    def parameters(self) -> int:
        """How many the model has, without the memory for them."""
        return parameter_count(self.plan)

    @cached_property
    def weights(self) -> Tensors:
        """The arrived weights, those that travel; of a test, the mean of its candidates, if it has any.

        Raises PolicyRefusal if they are not of the model installed here, WireError for another transport.
        """
        if not self.candidates:
            return self._arrived("model", self.travelling)
        mean = model_mean([numpy_of(weights) for weights in self.candidates.values()])
        return {name: torch.from_numpy(value) for name, value in mean.items()}

    @cached_property
    def candidates(self) -> Mapping[int, Tensors]:
        """Round -> the model that came with it, of those whose mean is tested. Raises as `weights` does."""
        if self.kind != "test":
            return {}
        rounds = {path.split("/")[0] for path in self.frame.group(CANDIDATE)}
        if len(rounds) > self.plan.keep_best or not all(is_round(each, self.plan.rounds + 1) for each in rounds):
            raise PolicyRefusal(f"run {self.run} tests a mean of models that {self.plan.keep_best} rounds cannot make")
        return {each: self._candidate(each) for each in sorted(map(int, rounds))}

    @cached_property
    def champion(self) -> Tensors:
        """Of a test, the weights of the model that is compared with, as they are. Raises as `weights` does."""
        if self.kind != "test" or not self.plan.champion_part:
            return {}
        weights = self._checked(CHAMPION, self.frame.group(CHAMPION), self.travelling)
        if model_digest(numpy_of(weights)) != self.plan.champion_digest:
            raise PolicyRefusal(f"run {self.run} sends another champion than its plan names")
        return weights

    @cached_property
    def initial(self) -> Tensors:
        """Weights of the file with which every model of this run begins, the country's own too.

        They are those of the first round; a country that missed it gets them with the round in which it begins. Nothing
        where the plan names none, or later. Raises as `weights` does.
        """
        if not self.plan.initial_digest or self.kind != "train":
            return {}
        came = self.frame.group("model" if self.round == 1 else INITIAL)
        if not came:
            return {}
        weights = self._checked(INITIAL, came, self.travelling)
        if model_digest(numpy_of(weights)) != self.plan.initial_digest:
            raise PolicyRefusal(f"run {self.run} sends other first weights than its plan names in initial_digest")
        return weights

    @cached_property
    def shared(self) -> Tensors:
        """The arrived arrays of the strategy. Raises PolicyRefusal as `weights` does."""
        return self._arrived("shared", self.strategy.shared(self.travelling))

    def check_arrays(self) -> None:
        """Raise as `weights` does for arrays that the plan's model does not have, before any record is read."""
        _ = self.weights, self.shared, self.champion

    @cached_property
    def travelling(self) -> dict[str, Array]:
        """Name -> weights that travel, as the plan's seed gives them."""
        return numpy_of(public(self.fresh.weights, self.plan.strategy.private))

    @cached_property
    def _unpacked(self) -> Frame:
        return replace(self.frame, arrays=unpacked(self.frame.arrays, self.plan.transport))

    def _candidate(self, round_: int) -> Tensors:
        packed = replace(self.frame, arrays=self.frame.group(f"{CANDIDATE}/{round_}"))
        came = replace(packed, arrays=unpacked(packed.arrays, self.plan.transport))
        return self._checked("model", came.group("model"), self.travelling)

    def _arrived(self, group: str, expected: Mapping[str, Array]) -> Tensors:
        return self._checked(group, self._unpacked.group(group), expected)

    def _checked(self, group: str, arrays: Mapping[str, Array], expected: Mapping[str, Array]) -> Tensors:
        for name in sorted(set(arrays) ^ set(expected)):
            raise PolicyRefusal(
                f"run {self.run} sends another model than is installed here: {group}/{name} is on one side only; "
                f"install the same version of Gotong on both sides"
            )
        for name, value in arrays.items():
            if (value.shape, value.dtype) != (expected[name].shape, expected[name].dtype):
                raise PolicyRefusal(
                    f"run {self.run} sends {group}/{name} of shape {value.shape} and dtype {value.dtype}, "
                    f"here it is {expected[name].shape} and {expected[name].dtype}"
                )
            if not np.isfinite(value).all():
                raise PolicyRefusal(f"run {self.run} sends {group}/{name} with values that are not finite")
        return {name: torch.from_numpy(arrays[name].copy()) for name in expected}


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """A model's structure with its constants, and the first weights of what is trained."""

    model: torch.nn.Module
    weights: Tensors


def fresh(task: Task, plan: Plan) -> Fresh:
    """The model of a plan, made anew."""
    model = built(task, plan.task, plan.seed)
    return Fresh(model=model, weights=trainable(model))


def is_round(text: str, last: int) -> bool:
    """Whether a text is a round's number, written in the one way."""
    return text.isascii() and text.isdigit() and text == str(int(text[:9])) and 1 <= int(text) <= last


def numpy_of(tensors: Tensors) -> dict[str, Array]:
    """The same memory as arrays."""
    return {name: value.numpy() for name, value in tensors.items()}


@lru_cache(maxsize=1)  # all vaults of a simulation get the same bytes, which are decoded once
def read_request(data: bytes) -> Request:
    """Raises WireError, PolicyRefusal, ConfigError or SettingError."""
    frame = decode(data, bounds=REQUEST)
    run, round_, plan_values = frame.header.get("run"), frame.header.get("round"), frame.header.get("plan")
    if frame.kind not in KINDS or not isinstance(run, str) or type(round_) is not int:
        raise PolicyRefusal(f"a request of kind {frame.kind!r} without a run and a round is not served")
    if not 0 < len(run) <= LONGEST_NAME or not run.isprintable():  # it goes into logs and the ledger
        raise PolicyRefusal(f"a run must have a name of 1 to {LONGEST_NAME} printable characters")
    if not isinstance(plan_values, dict):
        raise PolicyRefusal(f"a request of run {run!r} without a plan is not served")
    plan = restore(Plan, plan_values, "plan", models=False)
    first, last = {"train": (1, plan.rounds), "validate": (plan.rounds + 1,) * 2, "test": (plan.rounds + 2,) * 2}[
        frame.kind
    ]
    if not first <= round_ <= last:
        raise PolicyRefusal(f"round {round_} of a run of {plan.rounds} rounds is not served as {frame.kind!r}")
    last_aggregated = frame.header.get("last_aggregated")
    if type(last_aggregated) is not int or not 0 <= last_aggregated < round_:
        raise PolicyRefusal(
            f"round {round_} of run {run!r}: the last aggregated round cannot be {str(last_aggregated)[:40]!r}"
        )
    return request_of(frame, plan, digest(data))


def request_of(frame: Frame, plan: Plan, request_digest: str) -> Request:
    """A request whose header was checked, or that this country made for itself."""
    return Request(
        frame=frame,
        kind=frame.kind,
        run=frame.header["run"],
        round=frame.header["round"],
        last_aggregated=frame.header["last_aggregated"],
        plan=plan,
        task=TASKS[plan.task.name],
        strategy=STRATEGIES[plan.strategy.name],
        digest=request_digest,
        plan_digest=digest_of(plan),
    )
