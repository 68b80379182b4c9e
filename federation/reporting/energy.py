"""What a run took of energy and carbon, with what the numbers rest on."""

import json
from dataclasses import dataclass

MEASURED, ESTIMATED = "measured", "estimated"


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Of the run's processes. wh, gpu_wh: Wh, graphics cards among all; carbon: g CO2 equivalent.

    grid: ISO code of the country; intensity: g/kWh of its grid in `year`, by `source`. how: MEASURED by the processor's
    own counters, or ESTIMATED from its nominal power and the time it worked.
    """

    wh: float
    gpu_wh: float
    carbon: float
    grid: str
    intensity: float
    year: int
    source: str
    how: str

    def metrics(self) -> dict[str, float]:
        """As a run's cost."""
        return {"energy_wh": self.wh, "gpu_wh": self.gpu_wh, "carbon_g": self.carbon}

    def text(self) -> str:
        """What the numbers rest on, as JSON, for a tag."""
        return json.dumps(
            {key: getattr(self, key) for key in ("grid", "intensity", "year", "source", "how")}, sort_keys=True
        )

    def line(self) -> str:
        """One line for a screen."""
        how = "measured" if self.how == MEASURED else "estimated from nominal power and working time"
        return (
            f"{self.wh:.2f} Wh ({how}), {self.carbon:.2f} g CO2e by the grid of {self.grid} in {self.year}, "
            f"{self.intensity:.0f} g/kWh"
        )
