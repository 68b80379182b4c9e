"""What a run took of energy and carbon on this machine, by codecarbon without a network, where `energy` asks for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from federation.errors import ConfigError
from federation.reporting.energy import ESTIMATED, MEASURED, Energy

COUNTERS = Path("/sys/class/powercap")  # of the processor, where the kernel lets this user read them
EVERY = 15.0  # seconds between two looks
EXTRA = "energy= needs codecarbon; install it with: pip install 'gotong[energy]'"


def year_of(grid: str) -> int:
    """Of the intensity of a country's grid. Raises ConfigError where codecarbon is missing or knows no such grid."""
    try:
        from codecarbon.input import DataSource  # late: an extra, and half a second of its own
    except ImportError:
        raise ConfigError(EXTRA) from None
    known: dict[str, Any] = DataSource().get_global_energy_mix_data()
    if grid not in known:
        raise ConfigError(f"energy={grid}: codecarbon knows no grid of that country; name a neighbour's")
    return int(known[grid]["year"])


@contextmanager
def metered(grid: str | None) -> Iterator["Meter | None"]:
    """A meter that counts inside, and stops however the block ends; none without a grid. Raises ConfigError."""
    if grid is None:
        yield None
        return
    meter = Meter(grid)
    try:
        yield meter
    finally:
        meter.stop()


class Meter:
    """Counts from its making on. Raises ConfigError as `year_of` does."""

    def __init__(self, grid: str) -> None:
        self._grid, self._year = grid, year_of(grid)
        import codecarbon

        self._source = f"Our World in Data by codecarbon {codecarbon.__version__}"
        self._tracker = codecarbon.OfflineEmissionsTracker(
            country_iso_code=grid,
            save_to_file=False,
            log_level="critical",
            tracking_mode="process",
            measure_power_secs=EVERY,
            allow_multiple_runs=True,
        )
        self._tracker.start()

    def stop(self) -> Energy:
        """What was used until the first call."""
        self._tracker.stop()
        data = self._tracker.final_emissions_data
        kwh = float(data.energy_consumed)
        return Energy(
            wh=1000 * kwh,
            gpu_wh=1000 * float(data.gpu_energy),
            carbon=1000 * float(data.emissions),
            grid=self._grid,
            intensity=1000 * float(data.emissions) / kwh if kwh else 0.0,
            year=self._year,
            source=self._source,
            how=MEASURED if _counted() else ESTIMATED,
        )


def _counted() -> bool:
    """Whether this user may read the processor's energy counters."""
    return any(os.access(path, os.R_OK) for path in COUNTERS.glob("intel-rapl*/energy_uj"))
