"""Facilities: provinces or clinics as clients of their own. VNM-0007 is the seventh synthetic facility of VNM."""

import re
from collections.abc import Sequence

from tasks.errors import SettingError


def facilities(countries: Sequence[str], count: int) -> list[str]:
    """`count` codes, shared out evenly; the first countries get one more where it does not come out even."""
    each, more = divmod(count, len(countries))
    return [
        f"{country}-{number:04d}"
        for place, country in enumerate(countries)
        for number in range(1, each + (place < more) + 1)
    ]


def country_of(client: str) -> str:
    """The country of a facility, or the country itself."""
    return client.partition("-")[0]


def is_facility(client: str) -> bool:
    """Whether a code names a facility. Raises SettingError for one that names neither a country nor a facility."""
    if not re.fullmatch(r"[A-Z]{3}(-\d+)?", client):
        raise SettingError(f"country {client!r} is no ISO 3166-1 alpha-3 code; write three capitals, for example LAO")
    return "-" in client
