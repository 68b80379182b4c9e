"""`data=`: the folder of countries in every verb, or a country's own where it can be nothing else."""

from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.files.folders import country_folder, folder_of_countries


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two countries."""
    for country in ("LAO", "VNM"):
        (tmp_path / "national" / country).mkdir(parents=True)
        (tmp_path / "national" / country / "health.csv").touch()
    return tmp_path / "national"


def test_both_folders_are_the_countrys(data: Path) -> None:
    assert country_folder(data, "LAO") == country_folder(data / "LAO", "LAO") == data / "LAO"
    own = (data / "LAO").rename(data.parent / "records")
    (own / "health.csv").rename(own / "agriculture_weather.parquet")
    assert country_folder(own, "LAO") == own
    assert folder_of_countries(data) == data


def test_another_folder_is_refused_with_what_was_given_and_what_is_expected(data: Path) -> None:
    expected = "expected is the folder that holds {0}/health.csv or the like, or {0}'s own folder"
    (data / "THA.csv").touch()
    for given, country, said in (
        (data / "LAO", "VNM", "holds the national files of LAO, not of VNM"),
        (data, "THA", "no records of country=THA in .*; there are LAO, VNM"),
        (data.parent, "LAO", "it holds no national file and no country's folder"),
        (data / "nowhere", "LAO", "is not there"),
        (data / "THA.csv", "THA", "is no folder"),
    ):
        with pytest.raises(DataError, match=said) as refused:
            country_folder(given, country)
        assert f"data={given}" in str(refused.value)
        assert expected.format(country) in str(refused.value)
    (data / "disaster.csv.gz").touch()
    with pytest.raises(DataError, match=r"holds both LAO/ and disaster\.csv\.gz, so it could be either"):
        country_folder(data, "LAO")
    with pytest.raises(DataError, match="one country's own folder; give the folder above it"):
        folder_of_countries(data / "LAO")
