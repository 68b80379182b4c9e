"""What a run took of energy, and what each country's part of it was; what each contributed to a simulation."""

import json
from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

from federation.pages.run_report import Contribution, Place
from federation.pages.tracked import Tracked
from federation.reporting.energy import Energy
from federation.tracking.run_info import ENERGY

SOURCE, DEPLOYED = "mlflow.source.name", "submit"  # the verb that began the run, and that of one between countries


def energy_of(known: Tracked) -> Energy | None:
    """Of the machine that ran the rounds; None where it was not counted."""
    basis, wh = known.tags[""].get(ENERGY), known.last("", "cost/energy_wh")
    if basis is None or wh is None:
        return None
    gpu, carbon = (known.last("", f"cost/{name}") or 0.0 for name in ("gpu_wh", "carbon_g"))
    return Energy(wh=wh, gpu_wh=gpu, carbon=carbon, **json.loads(basis))


def allotted(places: Sequence[Place], known: Tracked, energy: Energy | None) -> list[Place]:
    """With each country's share of a simulation's energy, by the examples that it trained on.

    Nothing of the kind is said of a run between countries, nor of one whose countries hide what they do.
    """
    hidden = known.params.get("protection", "none") != "none" or DEPLOYED in known.tags[""].get(SOURCE, "")
    work = {place.code: place.examples * place.rounds for place in places}
    if energy is None or hidden or not sum(work.values()):
        return list(places)
    return [replace(place, energy_wh=energy.wh * work[place.code] / sum(work.values())) for place in places]


def contributed(known: Tracked, code: str) -> Contribution | None:
    share, error, left_out = (known.last(code, f"credit/{name}") for name in ("contributed", "error", "left_out"))
    if share is None or error is None or left_out is None or not isfinite(share):
        return None
    return Contribution(share=share, error=error, left_out=left_out)
