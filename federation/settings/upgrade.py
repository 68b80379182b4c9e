"""What runs of Gotong 0.1.0 left, under the names of this version.

Their finished runs still forecast, are compared and start other runs. Everything else of that version is refused: an
unfinished run cannot be resumed, and a node or coordinator of it cannot take part.
"""

from collections.abc import Mapping
from typing import Any

OLDEST = "Gotong 0.1.0"  # the version that wrote wire version 1
SETTINGS = {"task.calendar.apart": "task.calendar.excluded_period"}  # dotted key -> its present name
HEADER = {"counted": "last_aggregated", "nodes": "countries", "tracked": "tracked_bytes"}  # of a checkpoint


def upgraded_header(header: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's header; names that are present ones stay as they are."""
    values = {HEADER.get(key, key): value for key, value in header.items()}
    return {**values, "settings": upgraded_settings(values["settings"])}


def upgraded_settings(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under the dotted `prefix`; names that are present ones stay as they are."""
    renamed: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        name = SETTINGS.get(path, path).rpartition(".")[2]
        renamed[name] = upgraded_settings(value, f"{path}.") if isinstance(value, Mapping) else value
    return renamed
