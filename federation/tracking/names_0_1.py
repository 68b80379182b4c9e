"""Names that version 0.1.0 gave to metrics and parameters; its runs are read under the present names."""

from collections.abc import Mapping

from federation.reporting.rows import RENAMED_PARTS
from federation.settings.schema import STUDY
from federation.settings.upgrade import SETTINGS

GROUPS = {name: name for name in ("validation", "test", "unaligned", "cost")} | RENAMED_PARTS
HEADLINES = {  # of a task: the first score and its better direction, which runs of that version did not say
    "health": ("log_wis", "smaller"),
    "disaster": ("brier_skill", "larger"),
    "agriculture": ("pinball", "smaller"),
}
DATA = {"invented": "synthetic"}


def metric(name: str) -> str:
    """The present name: `apart.log_wis.local` is `excluded_period/log_wis/local`; a present name stays."""
    group, *rest = name.split(".")
    if not rest or group not in GROUPS:
        return name
    return "/".join([GROUPS[group], *(GROUPS.get(word, word) for word in rest)])


def params(values: Mapping[str, str]) -> dict[str, str]:
    """Parameters of a run under their present names and values."""
    present = {SETTINGS.get(name, name): str(value) for name, value in values.items()}
    if present:
        present.setdefault("purpose", STUDY)  # the only one there was
    if "data" in present:
        present["data"] = DATA.get(present["data"], present["data"])
    return present
