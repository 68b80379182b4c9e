"""What identifies a run in MLflow: its name, countries, parameters and tags."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

RUN = "gotong.run"  # tags of ours: MLflow chooses its run ids itself, so a run is looked up by these
BIRTH = "gotong.birth"  # differs for another run of the same id: its folder was deleted, or lies on another machine
COUNTRY = "gotong.country"
FOLDER = "gotong.folder"
# What a page of the run needs to know of it; tags of ours.
TITLE, EVENT, NAME_OF_REGION, COUNTRIES, WEIGHTS, WITHHOLDS = (
    f"gotong.{name}" for name in ("title", "event", "region", "invited", "weights", "withholds")
)
ENERGY = "gotong.energy"  # what energy and carbon rest on, as JSON
LEVEL, REGION, ONE_COUNTRY = "gotong.level", "region", "country"  # a tag and its values: sorting mixes both


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """One federation's run.

    id: of letters, digits, '.', '_' and '-'; the same when the run is resumed.
    name: what a person reads. countries: one child run each, in this order.
    params: the run's settings; tags: what a person may filter by.
    Raises ValueError for an id that cannot be searched for.
    """

    id: str
    name: str
    countries: tuple[str, ...]
    params: Mapping[str, str | float | int] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^\s/\\'\"`%]+", self.id):
            raise ValueError(f"run id {self.id!r} may hold letters, digits, '.', '_' and '-' only")
