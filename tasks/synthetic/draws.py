"""What the generators of synthetic countries share: their random numbers, their profiles, the length of a record."""

import hashlib
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from tasks.errors import SettingError
from tasks.places.facilities import country_of, is_facility
from tasks.settings import Calendar

P = TypeVar("P")


def generators(country: str, seed: int, count: int) -> list[np.random.Generator]:
    """`count` independent generators that depend on the country's code and the seed alone.

    Raises SettingError for a negative seed.
    """
    if seed < 0:
        raise SettingError(f"seed is {seed}; choose 0 or more")
    return np.random.default_rng([seed, int.from_bytes(country.encode(), "big")]).spawn(count)


def draws_of(client: str) -> np.random.Generator:
    """What distinguishes one synthetic client from another: the same for the same code, whatever the seed of a run."""
    return np.random.default_rng(list(hashlib.sha256(client.encode()).digest()))


def profile_of(
    client: str,
    profiles: Mapping[str, P],
    draw_country: Callable[[np.random.Generator], P],
    draw_facility: Callable[[P, np.random.Generator], P],
) -> P:
    """The profile of a country; a code of three capitals that is not in `profiles` gets one drawn from its hash.

    A facility's profile is drawn from its country's. Raises SettingError for a code of another form.
    """
    if is_facility(client):
        country = profile_of(country_of(client), profiles, draw_country, draw_facility)
        return draw_facility(country, draws_of(client))
    return profiles[client] if client in profiles else draw_country(draws_of(client))


def months_on_record(country: str, start: str, calendar: Calendar) -> int:
    """Months from `start`, YYYY-MM, to the end of the calendar; SettingError where the calendar ends before."""
    months = int((calendar.cuts()[2] - np.datetime64(start, "M")).astype(int)) + 1
    if months < 1:
        raise SettingError(
            f"task.calendar.test_until is {calendar.test_until}, before the synthetic records of {country} start; "
            f"choose {start} or later"
        )
    return months
