"""What was tracked of a run, read back from its own folder, under the present names."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from federation.tracking import names_0_1, spool

SENT, RECEIVED, TOOK_PART, EXAMPLES = (
    f"round/{name}" for name in ("bytes_sent", "bytes_received", "took_part", "examples")
)
NAMES_0_1 = {"sent_bytes": SENT, "received_bytes": RECEIVED, "took_part": TOOK_PART, "examples": EXAMPLES}


@dataclass(kw_only=True)
class Tracked:
    """What was tracked of a run; the key '' is the region. metrics: place -> name -> step -> value."""

    run: str = ""
    countries: list[str] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    metrics: dict[str, dict[str, dict[int, float]]] = field(default_factory=lambda: defaultdict(dict))

    def last(self, place: str, name: str) -> float | None:
        """The last value of a metric."""
        values = self.metrics[place].get(name)
        return values[max(values)] if values else None


def tracked(folder: Path) -> Tracked:
    """Read the spool of a run, under the present names. Raises OSError, TrackingError for a damaged file."""
    out = Tracked(run=folder.name)
    for record in spool.read_all(folder / spool.NAME):
        place = record.get("country") or ""
        if record["do"] == "begin":
            out.run, out.countries = record["name"], list(record["countries"])
            out.params = names_0_1.params(record["params"])
            out.tags[""] |= record["tags"]
        elif record["do"] == "tags":
            out.tags[place] |= record["values"]
        elif record["do"] == "metrics":
            for name, value in record["values"].items():
                present = NAMES_0_1.get(name) or names_0_1.metric(name)
                out.metrics[place].setdefault(present, {})[record["step"]] = float(value)
    return out
