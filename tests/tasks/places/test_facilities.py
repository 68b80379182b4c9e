"""Facilities: who they are, and that their synthetic records are those of a small part of a country."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SettingError
from tasks.places.facilities import country_of, facilities, is_facility
from tasks.registry import TASKS
from tasks.synthetic.draws import draws_of

COUNTRIES = ["BRN", "SGP", "VNM"]


@given(count=st.integers(3, 500))
def test_they_are_shared_out_evenly_and_each_is_there_once(count: int) -> None:
    codes = facilities(COUNTRIES, count)
    assert len(set(codes)) == len(codes) == count
    sizes = [sum(country_of(client) == country for client in codes) for country in COUNTRIES]
    assert max(sizes) - min(sizes) <= 1
    assert codes == sorted(codes)


def test_a_code_is_that_of_a_country_or_of_a_facility() -> None:
    assert [is_facility(code) for code in ("VNM", "VNM-0007")] == [False, True]
    assert country_of("VNM-0007") == country_of("VNM") == "VNM"
    for wrong in ("Vietnam", "VNM-", "VNM-a", "vnm", "VNM-1-2", ""):
        with pytest.raises(SettingError, match="is no ISO 3166-1 alpha-3 code"):
            is_facility(wrong)


def test_two_facilities_draw_different_numbers_and_each_the_same_again() -> None:
    one, again, other = (draws_of(code).random() for code in ("VNM-0001", "VNM-0001", "VNM-0002"))
    assert one == again != other


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_facility_has_few_places_and_records_of_its_own(name: str, tmp_path: Path) -> None:
    task = TASKS[name]
    settings = task.settings()
    target = {}
    for code in ("THA", "THA-0001", "THA-0002"):
        (tmp_path / code).mkdir()
        task.synthesize(tmp_path / code, code, 1, settings)
        target[code] = task.read(tmp_path / code, code, settings)
        assert len(task.windows(target[code], settings).only("train"))
    assert len(target["THA-0001"].places) <= len(target["THA"].places)
    one, other = (target[code].target for code in ("THA-0001", "THA-0002"))
    assert one.shape != other.shape or not (one == other).all()
