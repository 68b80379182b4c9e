"""Who takes part."""

import pytest

from federation.errors import ConfigError
from federation.settings.region import RegionSettings


def test_every_country_is_one_client_unless_facilities_are_requested() -> None:
    assert RegionSettings(countries=["VNM", "LAO"]).clients() == ["LAO", "VNM"]
    assert RegionSettings(countries=["VNM", "LAO"], facilities=3).clients() == ["LAO-0001", "LAO-0002", "VNM-0001"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"countries": []}, "is empty"),
        ({"countries": ["VMN"]}, "did you mean"),
        ({"countries": ["VNM", "VNM"]}, "names VNM twice"),
        ({"name": "ABC"}, "not of three letters"),
        ({"facilities": 1}, "region.facilities=1 must be between 2, one a country, and 100000"),
        ({"facilities": -5}, "region.facilities=-5"),
        ({"facilities": 100_001}, "region.facilities=100001"),
    ],
)
def test_a_region_that_cannot_be_is_refused(changes: dict[str, object], words: str) -> None:
    region = RegionSettings(**{"countries": ["VNM", "LAO"], **changes})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=words):
        region.check()
