"""Reports of runs that never ran, for tests of what a page says of them."""

from dataclasses import replace
from typing import Any

from federation.pages.run_report import SCORED, Contribution, Curve, Gain, Place, RunReport, Score
from federation.reporting.energy import Energy

CLEAR, UNCLEAR, UNKNOWN = (2.0, 12.0), (-3.0, 17.0), (None, None)


def place(code: str, gain: float | None = None, ends: tuple[Any, Any] = UNCLEAR, **more: Any) -> Place:
    """A country or region whose own model scores .3; ends: of the interval, for a gain of 7, moved with it."""
    if gain is None:
        return Place(code=code, **{"state": "not_scored", **more})
    low, high = ends if ends[0] is None else (ends[0] + gain - 7, ends[1] + gain - 7)
    together = 0.3 * (1 - gain / 100)
    given = {"state": SCORED, "own": 0.3, "together": together, "gain": Gain(value=gain, low=low, high=high), "n": 240}
    counts = {"sent": 1_850_000, "received": 1_700_000, "rounds": 12, "examples": 1710}
    return Place(code=code, **{**given, **counts, **more})


def report(whole: Place, *countries: Place, **more: Any) -> RunReport:
    """A run of ASEAN."""
    made = RunReport(
        run="spring",
        task="health",
        title="Monthly dengue per province",
        region="ASEAN",
        score="log_wis",
        better="smaller",
        unit="percent",
        first="2006-12",
        last="2008-12",
        records="synthetic",
        protection="none",
        strategy="fedavg",
        planned_rounds=12,
        seed=7,
        version="0.2.0",
        code="abc1234",
        whole=whole,
        countries=list(countries),
        arms=[
            Score(arm="federated", value=0.279, low=0.262, high=0.301),
            Score(arm="local", value=0.3, low=0.28, high=0.32),
            Score(arm="climatology", value=0.354, low=0.331, high=0.377),
        ],
        baselines=["climatology"],
        learning=[
            Curve(arm="federated", x=[0, 1, 2], y=[0.5, 0.3, 0.27]),
            Curve(arm="local", x=[0, 1, 2], y=[0.5, 0.4, 0.31]),
        ],
        event="a dengue outbreak",
        horizon="1 month",
        reliability=[Curve(arm="federated", x=[0.1, 0.4], y=[0.12, 0.35], n=[400, 60])],
        weights=35_854,
        seconds=15.0,
        cpu_seconds=28.0,
        energy=Energy(
            wh=0.42,
            gpu_wh=0.1,
            carbon=0.2,
            grid="VNM",
            intensity=475.4,
            year=2023,
            source="Our World in Data",
            how="estimated",
        ),
        credit_models=1210,
        credit_seconds=61.0,
        settings={"rounds": "12"},
    )
    return replace(made, **more)


def usual() -> RunReport:
    """A run with everything on it: better, worse, clear, unclear, withheld, refused and without records."""
    return report(
        place("ASEAN", 7.5, CLEAR),
        place("KHM", 14.2, CLEAR, contributed=Contribution(share=31.0, error=2.5, left_out=4.0)),
        place("THA", 1.7, energy_wh=0.05),
        place("BRN", -3.5),
        place("LAO", -9.0, (5.0, 9.0)),
        place("SGP", state="withheld", sent=1_900_000, received=1, rounds=12, examples=165),
        place("MMR", state="refused", why="its policy lets no test scores leave", sent=9, rounds=10, refused=[3, 4]),
        place("TLS", state="no_records"),
    )
