"""Synthetic weeks whose every forecast is known exactly: `health_weekly.csv`, and the truth the oracle forecasts from.

    log1p(reported[p, t]) = base[p, phase of t] + u[p, t],     u[:, t] = transition @ u[:, t - 1] + innovation

as `tasks.health.generator_epidemic` by the month, without weather; waves travel down the list of places week by week.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist

import numpy as np

from tasks.data import Array, Windows
from tasks.errors import SettingError
from tasks.evaluation.levels import LEVELS
from tasks.health.generator_epidemic import INCIDENCE, dynamics, reports, waves
from tasks.health.generator_profiles import Profile, profile_of
from tasks.health_weekly.calendar import DAYS, PHASES, YEAR, phase_of
from tasks.health_weekly.schema import FILE
from tasks.settings import TaskSettings
from tasks.synthetic.draws import generators
from tasks.synthetic.truth import TruthFile, is_synthetic, load, refuse_real_records, rows_of, write

TRUTH = TruthFile(name="health_weekly.oracle.npz", records=(FILE,))
FIRST = np.datetime64("2009-01-03", "D")  # the last day of the first week on record, a Saturday
OWN, UPSTREAM = 0.82, 0.12  # shares of last week's u that stay, and that arrive from the neighbour
NOISE = 0.6  # a week's surprise over that of a month, log scale
HEADER = "time_period,location,disease_cases,population,location_name\n"


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is true of one synthetic country, P places and T weeks.

    people: (P,). base: (P, 52) by phase. transition, covariance: (P, P). wave: (P, T) u.
    """

    places: tuple[str, ...]
    people: Array
    base: Array
    transition: Array
    covariance: Array
    wave: Array


def synthesize(folder: Path, country: str, seed: int, settings: TaskSettings) -> None:
    """Write the synthetic weeks of a country, from 2009 to the end of the run's calendar.

    The same (country, seed, calendar) gives the same bytes. Raises SettingError for a country that is no code, a
    negative seed or a calendar that ends before; DataError where the folder holds records that are not synthetic.
    """
    profile, rngs = _fewer_places(profile_of(country)), generators(country, seed, 3)
    weeks = int((settings.calendar.cuts()[2] - FIRST).astype(int)) // DAYS + 1
    if weeks < 1:
        raise SettingError(
            f"task.calendar.test_until is {settings.calendar.test_until}, before the synthetic weeks of {country} "
            f"start; choose 2009-02 or later"
        )
    refuse_real_records(folder, TRUTH)
    truth = _draw(country, profile, weeks, rngs)
    missing = profile.unreported > rngs[2].random((weeks, profile.provinces)).T
    write(folder, TRUTH, truth, [_national_file(truth, missing).encode()])


def oracle(folder: Path, windows: Windows, _: TaskSettings) -> Array | None:
    """(N, H, Q) quantiles of counts at LEVELS, or None where the folder holds real records.

    Waves: mean transition^h u, variance sum over k < h of transition^k covariance transition^k'. Raises DataError when
    the truth file belongs to other records.
    """
    if not is_synthetic(folder, TRUTH):
        return None
    truth = load(folder, TRUTH, Truth)
    place = rows_of(truth.places, windows)
    start = (windows.origin - FIRST).astype(np.int64) // DAYS
    ahead = (windows.due - windows.origin[:, None]).astype(np.int64) // DAYS
    mean, variance = truth.base[place[:, None], phase_of(windows.due)], np.zeros(ahead.shape)
    for weeks in np.unique(ahead):
        at, row = ahead == weeks, np.broadcast_to(place[:, None], ahead.shape)[ahead == weeks]
        carried, spread = _steps(truth, int(weeks))
        then = np.broadcast_to(start[:, None], ahead.shape)[at]
        mean[at] += np.einsum("np,pn->n", carried[row], truth.wave[:, then])
        variance[at] += spread[row]
    normal = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    return reports(mean[..., None] + np.sqrt(variance)[..., None] * normal, truth.people[place][:, None, None])


def _fewer_places(profile: Profile) -> Profile:
    """Half of the places that there are by the month: of each there are four times as many periods."""
    return replace(profile, provinces=(profile.provinces + 1) // 2)


def _draw(country: str, profile: Profile, weeks: int, rngs: list[np.random.Generator]) -> Truth:
    provinces = profile.provinces
    people = np.rint(profile.people * np.exp(rngs[0].normal(0, 0.6, provinces)))
    transition, covariance = dynamics(provinces, NOISE * profile.noise, OWN, UPSTREAM)
    return Truth(
        places=tuple(f"{country}-{number:02d}" for number in range(1, provinces + 1)),
        people=people,
        base=_base(profile, people, rngs[0]),
        transition=transition,
        covariance=covariance,
        wave=waves(transition, covariance, weeks, rngs[1]),
    )


def _base(profile: Profile, people: Array, rng: np.random.Generator) -> Array:
    """(P, 52): cases follow the monsoon by about two months, a little earlier or later in each place."""
    places = len(people)
    level = np.log(people * INCIDENCE * profile.reported * 12 / YEAR) + rng.normal(0, 0.4, places)
    peak = (profile.wettest + 2 + rng.normal(0, 0.5, places)) / 12
    angle = 2 * np.pi * (np.arange(PHASES) / PHASES - peak[:, None])
    height = (0.4 + 0.7 * profile.swing) * rng.uniform(0.8, 1.2, places)[:, None]
    return np.asarray(level[:, None] + height * (np.cos(angle) + 0.25 * np.cos(2 * angle)))


def _steps(truth: Truth, weeks: int) -> tuple[Array, Array]:
    """What u becomes `weeks` >= 1 later: the matrix (P, P) of its mean and the (P,) variances around it."""
    powers = [np.linalg.matrix_power(truth.transition, k) for k in range(weeks + 1)]
    return powers[-1], np.diag(sum(power @ truth.covariance @ power.T for power in powers[:-1]))


def _national_file(truth: Truth, missing: Array) -> str:
    periods = FIRST + DAYS * np.arange(truth.wave.shape[1])
    cases = reports(truth.base[:, phase_of(periods)] + truth.wave, truth.people[:, None])
    lines = [
        f"{week},{place},{'' if missing[p, t] else int(cases[p, t])},{truth.people[p]:.0f},Synthetic province {p + 1}\n"
        for p, place in enumerate(truth.places)
        for t, week in enumerate(periods)
    ]
    return HEADER + "".join(lines)
