"""How busy the machine is with other work: a ratio of two times means nothing while others take the cores."""

import os
from dataclasses import dataclass

import psutil

LISTEN = 2.0  # seconds
MOST = 10.0  # per cent of all cores that others may use


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """What was heard while nothing of ours ran."""

    busy: float  # per cent of all cores
    load: float  # mean over a minute, also of what ran before; for the record only

    @property
    def enough(self) -> bool:
        """Whether times may be compared."""
        return self.busy <= MOST


def listen() -> Quiet:
    """Measure now; call it while no engine runs."""
    return Quiet(busy=psutil.cpu_percent(LISTEN), load=os.getloadavg()[0])
