"""Names that version 0.1.0 gave to metrics and parameters; its runs are read under the present names."""

from collections.abc import Mapping
from typing import Any

GROUPS = {"validation": "validation", "test": "test", "apart": "excluded_period", "unaligned": "unaligned"}
GROUPS |= {"cost": "cost"}
PARAMS = {"task.calendar.apart": "task.calendar.excluded_period"}
DATA = {"invented": "synthetic"}


def metric(name: str) -> str:
    """The present name: `apart.log_wis.local` is `excluded_period/log_wis/local`; a present name stays."""
    group, *rest = name.split(".")
    if not rest or group not in GROUPS:
        return name
    return "/".join([GROUPS[group], *(GROUPS.get(word, word) for word in rest)])


def task_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a task, nested, under their present names."""
    calendar = {"excluded_period" if name == "apart" else name: each for name, each in values["calendar"].items()}
    return {**values, "calendar": calendar}


def params(values: Mapping[str, str]) -> dict[str, str]:
    """Parameters of a run under their present names and values."""
    present = {PARAMS.get(name, name): str(value) for name, value in values.items()}
    if "data" in present:
        present["data"] = DATA.get(present["data"], present["data"])
    return present
