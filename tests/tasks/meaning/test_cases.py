"""Every kind of misreading, in several tasks: the finding names kind, row and column, and is an error or a warning."""

from pathlib import Path

import numpy as np
import pytest

from tasks.errors import DataError
from tasks.files.check import check
from tasks.files.load import LISTED, read_table
from tasks.meaning import look
from tasks.registry import TABLES
from tests.tasks.meaning.files import (
    SOUND,
    Edit,
    change,
    every,
    moved,
    of_period,
    one_rain,
    put,
    running,
    times,
    total,
    wet_and_dry,
    written,
)

HEALTH, DISASTER, YIELDS, PRICES = "health.csv", "disaster.csv", "agriculture.csv", "prices.csv"
ERRORS: dict[str, tuple[str, Edit, str, int, str, str]] = {
    # name: (file, edit, kind, row, column, what the remedy says)
    "dots": (HEALTH, put(9, "disease_cases", "1.234"), "thousands", 9, "disease_cases", "Write 1234"),
    "two dots": (HEALTH, put(9, "population", "6.539.064"), "thousands", 9, "population", "Write 6539064"),
    "round": (HEALTH, put(9, "disease_cases", "2.000"), "thousands", 9, "disease_cases", "Write 2000"),
    "people": (HEALTH, put(9, "population", "600.123"), "thousands", 9, "population", "Write 600123"),
    "comma": (HEALTH, put(9, "disease_cases", "1,234"), "thousands", 9, "disease_cases", "Write 1234"),
    "space": (HEALTH, put(9, "disease_cases", "1 234"), "thousands", 9, "disease_cases", "Write 1234"),
    "no-break": (DISASTER, put(4, "rainfall", "1\u202f234.5"), "thousands", 4, "rainfall", "Write 1234.5"),
    "apostrophe": (HEALTH, put(9, "population", "6’539’064"), "thousands", 9, "population", "Write 6539064"),
    "both": (DISASTER, put(4, "rainfall", "1.234,5"), "thousands", 4, "rainfall", "Write 1234.5"),
    "both, a space": (DISASTER, put(4, "rainfall", "1 234,5"), "decimal-comma", 4, "rainfall", "Write 1234.5"),
    "decimal comma": (YIELDS, put(4, "yield", "2,34"), "decimal-comma", 4, "yield", "Write 2.34"),
    "decimal comma of rain": (HEALTH, put(4, "rainfall", "123,4"), "decimal-comma", 4, "rainfall", "Write 123.4"),
    "decimal comma of heat": (
        HEALTH,
        put(4, "mean_temperature", "27,1"),
        "decimal-comma",
        4,
        "mean_temperature",
        "27.1",
    ),
    "Thai digits": (HEALTH, put(4, "disease_cases", "๑๒๓"), "digits", 4, "disease_cases", "Write 123"),
    "Lao digits": (DISASTER, put(4, "rainfall", "໑໒.໓"), "digits", 4, "rainfall", "Write 12.3"),
    "Khmer digits": (YIELDS, put(4, "yield", "២.៥"), "digits", 4, "yield", "Write 2.5"),
    "Burmese digits": (HEALTH, put(4, "population", "၆၀၀၀၀၀"), "digits", 4, "population", "Write 600000"),
    "Buddhist year": (HEALTH, put(4, "time_period", "2547-12"), "period", 4, "time_period", "Write 2004-12"),
    "Buddhist harvest": (YIELDS, put(4, "harvest_year", "2526"), "period", 4, "harvest_year", "Write 1983"),
    "Thai month": (HEALTH, put(4, "time_period", "มี.ค. 2543"), "period", 4, "time_period", "Write 2000-03"),
    "English month": (DISASTER, put(4, "time_period", "Mar-2000"), "period", 4, "time_period", "Write 2000-03"),
    "Indonesian month": (HEALTH, put(4, "time_period", "Maret 2000"), "period", 4, "time_period", "Write 2000-03"),
    "Khmer digits of a month": (HEALTH, put(4, "time_period", "២០០០-០៣"), "period", 4, "time_period", "Write 2000-03"),
    "a rate": (HEALTH, every("disease_cases", times(0.0617)), "rate", 2, "disease_cases", "the counts themselves"),
    "a rate of one place": (HEALTH, every("disease_cases", times(0.3), 98, 193), "rate", 98, "disease_cases", "counts"),
    "half a case": (HEALTH, put(7, "disease_cases", "12.5"), "thousands", 7, "disease_cases", "whole counts"),
    "zero width": (HEALTH, put(30, "location", "TH-10\u200b"), "spelling", 30, "location", "one spelling"),
    "joiner": (YIELDS, put(70, "adm_id", "T\u2060HA"), "spelling", 70, "adm_id", "one spelling"),
    "full width": (HEALTH, put(30, "location", "ＴＨ-10"), "spelling", 30, "location", "one spelling"),
    "minus": (HEALTH, put(30, "location", "TH\u221210"), "spelling", 30, "location", "one spelling"),
    "en dash": (HEALTH, put(130, "location", "TH\u201350"), "spelling", 130, "location", "one spelling"),
    "lower case": (HEALTH, put(30, "location", "th-10"), "spelling", 30, "location", "one spelling"),
    "a total": (HEALTH, total("Total"), "total", 386, "location", "count twice"),
    "one total": (HEALTH, total("GRAND TOTAL", months=1), "total", 386, "location", "count twice"),
    "a Thai total": (HEALTH, total("รวมทั้งประเทศ"), "total", 386, "location", "count twice"),
    "a Vietnamese total": (HEALTH, total("Tổng cộng"), "total", 386, "location", "count twice"),
    "a total of yields": (YIELDS, every("adm_id", lambda _: "Jumlah", 62), "total", 62, "adm_id", "count twice"),
    "the nation": (HEALTH, total("THA"), "nation", 386, "location", "count twice"),
    "the nation once": (HEALTH, total("THA", months=1), "nation", 386, "location", "count twice"),
    "the nation by name": (HEALTH, total("Thailand"), "nation", 386, "location", "count twice"),
    "a region": (HEALTH, total("Central", ("TH-10", "TH-83")), "parent", 386, "location", "count twice"),
    "a region of all": (HEALTH, total("Zone 1"), "parent", 386, "location", "count twice"),
    "free cell": (DISASTER, every("location", lambda _: "cell 17", 2, 97), "form", 2, "location", "E100.5N014.5"),
    "another cell": (DISASTER, every("longitude", lambda _: "120.5", 2, 97), "form", 2, "location", "centre"),
    "swapped cell": (DISASTER, every("latitude", lambda _: "100.5", 2, 97), "form", 2, "latitude", "north"),
    "west": (DISASTER, every("longitude", lambda value: f"-{value}", 2, 97), "form", 2, "location", "centre"),
    "longitude first": (YIELDS, every("adm_id", lambda _: "100.5_14.5", 2, 31), "form", 2, "adm_id", "latitude first"),
    "no longitude": (YIELDS, every("adm_id", lambda _: "14.5_200.5", 2, 31), "form", 2, "adm_id", "latitude first"),
}
WARNINGS: dict[str, tuple[str, Edit, str, int | None, str]] = {
    "suppressed": (HEALTH, put(4, "disease_cases", "<5"), "suppressed", 4, "disease_cases"),
    "suppressed, a space": (HEALTH, put(5, "disease_cases", "< 10"), "suppressed", 5, "disease_cases"),
    "suppressed, at most": (HEALTH, put(6, "disease_cases", "≤4"), "suppressed", 6, "disease_cases"),
    "a code": (HEALTH, put(200, "disease_cases", "9999"), "sentinel", 200, "disease_cases"),
    "a code of rain": (DISASTER, put(20, "rainfall", "999.9"), "sentinel", 20, "rainfall"),
    "a code of yields": (YIELDS, put(10, "yield", "99"), "sentinel", 10, "yield"),
    "a digit more": (HEALTH, change(10, "disease_cases", lambda value: value + "0"), "far", 10, "disease_cases"),
    "too many people": (HEALTH, change(10, "population", times(10, 0)), "far", 10, "population"),
    "kg/ha": (YIELDS, change(10, "yield", times(10)), "far", 10, "yield"),
    "in cm": (DISASTER, change(9, "rainfall", times(0.1)), "far", 9, "rainfall"),
    "heat in rain": (HEALTH, put(20, "mean_temperature", "12"), "far", 20, "mean_temperature"),
    "a zero": (HEALTH, put(20, "disease_cases", "0"), "far", 20, "disease_cases"),
    "a dry August": (DISASTER, put(21, "rainfall", "0"), "far", 21, "rainfall"),
    "no harvest": (YIELDS, put(10, "yield", "0"), "far", 10, "yield"),
    "a year in cm": (HEALTH, every("rainfall", times(0.1), 38, 49), "level", 38, "rainfall"),
    "people in tens": (HEALTH, every("population", times(0.1, 0), 50, 97), "level", 50, "population"),
    "a year of mm a day": (DISASTER, every("rainfall", times(1 / 30), 38, 49), "level", 38, "rainfall"),
    "a month in cm": (HEALTH, of_period("rainfall", "2003-06", times(0.1)), "whole-period", 43, "rainfall"),
    "a month ten times off": (
        HEALTH,
        of_period("disease_cases", "2003-06", lambda n: n + "0"),
        "whole-period",
        43,
        "disease_cases",
    ),
    "a month in hundreds": (
        HEALTH,
        of_period("disease_cases", "2001-03", times(0.01, 0)),
        "whole-period",
        16,
        "disease_cases",
    ),
    "a place in cm": (HEALTH, every("rainfall", times(0.1), 98, 193), "whole-place", 98, "rainfall"),
    "a place in feet": (HEALTH, every("rainfall", times(1 / 304.8, 3), 98, 193), "whole-place", 98, "rainfall"),
    "a place in thousands": (HEALTH, every("disease_cases", times(0.001, 0), 2, 97), "whole-place", 2, "disease_cases"),
    "a place without a case": (
        HEALTH,
        every("disease_cases", lambda _: "0", 98, 193),
        "whole-place",
        98,
        "disease_cases",
    ),
    "a cell in cm": (DISASTER, wet_and_dry, "whole-place", 98, "rainfall"),
    "a place ten times off": (HEALTH, every("disease_cases", times(10, 0), 98, 193), "tens", 98, "disease_cases"),
    "years ten times off": (HEALTH, every("disease_cases", times(10, 0), 50, 97), "tens", 50, "disease_cases"),
    "a year a hundred times off": (HEALTH, every("disease_cases", times(100, 0), 38, 49), "tens", 38, "disease_cases"),
    "a hundredth of a harvest": (YIELDS, change(10, "yield", times(0.01, 4)), "unheard-of", 10, "yield"),
    "a place in hundreds of kg": (YIELDS, every("yield", times(10), 2, 31), "unheard-of", 2, "yield"),
    "a place in tens of tonnes": (YIELDS, every("yield", times(0.1, 3), 32, 61), "unheard-of", 32, "yield"),
    "a market elsewhere": (PRICES, put(20, "longitude", "110.5"), "moved-place", 20, "longitude"),
    "a market in the west": (PRICES, put(90, "longitude", "-100.5"), "moved-place", 90, "longitude"),
    "a market further north": (PRICES, put(90, "latitude", "25.5"), "moved-place", 90, "latitude"),
    "a price of a sack": (PRICES, change(30, "price", times(10)), "far", 30, "price"),
    "a place twice": (HEALTH, total("Bangkok", ("TH-10",)), "twin", 386, "location"),
    "no case at all": (HEALTH, every("disease_cases", lambda _: "0"), "constant", 2, "disease_cases"),
    "one price": (PRICES, every("price", lambda _: "9.5"), "constant", 2, "price"),
    "no report at all": (HEALTH, every("disease_cases", lambda _: ""), "constant", None, "disease_cases"),
    "cumulated": (HEALTH, running(38), "running-total", 49, "disease_cases"),
    "cumulated, a report missing": (HEALTH, running(38, 43), "running-total", 49, "disease_cases"),
    "cumulated, the last report missing": (HEALTH, running(38, 49), "running-total", 48, "disease_cases"),
    "cumulated at last": (HEALTH, running(86), "running-total", 97, "disease_cases"),
    "cumulated at first": (HEALTH, running(98), "running-total", 109, "disease_cases"),
    "moved rain": (HEALTH, moved("rainfall", 50, 97, 5), "season", 50, "rainfall"),
    "moved cases": (HEALTH, moved("disease_cases", 146, 193, 4), "season", 146, "disease_cases"),
    "moved rain of a cell": (DISASTER, moved("rainfall", 50, 97, 6), "season", 50, "rainfall"),
    "another index": (DISASTER, put(30, "nino34", "1.99"), "shared", 30, "nino34"),
    "a mistyped place": (YIELDS, put(40, "adm_id", "15.5_101.5"), "brief", 40, "adm_id"),
    "a province once": (HEALTH, put(30, "location", "TH-11"), "brief", 30, "location"),
    "another rain": (HEALTH, one_rain, "shared", 42, "rainfall"),
    "a letter of the code": (YIELDS, every("adm_id", lambda _: "TAH", 71, 91), "spelling-perhaps", 71, "adm_id"),
    "no code at first": (YIELDS, every("adm_id", lambda _: "TAH", 62, 71), "spelling-perhaps", 62, "adm_id"),
    "a mistyped market": (PRICES, every("market", lambda _: "Bangkook", 40, 61), "spelling-perhaps", 40, "market"),
    "a price of another year": (PRICES, put(30, "time_period", "2015-03"), "order", 30, "time_period"),
    "a harvest of another year": (YIELDS, put(10, "harvest_year", "2012"), "order", 10, "harvest_year"),
    "the first month later": (HEALTH, put(2, "time_period", "2008-01"), "order", 2, "time_period"),
    "hundredths of counts": (HEALTH, every("disease_cases", times(0.01, 0), 98, 193), "smooth", 98, "disease_cases"),
    "a year of tenths": (HEALTH, every("disease_cases", times(0.1, 0), 38, 49), "turn", 38, "disease_cases"),
    "the last year of tenths": (HEALTH, every("disease_cases", times(0.1, 0), 86, 97), "turn", 86, "disease_cases"),
    "a place of mm in tens": (HEALTH, every("rainfall", times(10), 98, 193), "tens", 98, "rainfall"),
    "a mistyped year": (HEALTH, put(97, "time_period", "2027-12"), "lonely", 97, "time_period"),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_file_has_no_finding(tmp_path: Path, name: str) -> None:
    assert check(written(tmp_path, name)) == []


@pytest.mark.parametrize(("name", "edit", "kind", "row", "column", "remedy"), ERRORS.values(), ids=ERRORS)
def test_a_certain_misreading_is_refused(
    tmp_path: Path, name: str, edit: Edit, kind: str, row: int, column: str, remedy: str
) -> None:
    file = written(tmp_path, name, edit)
    first = check(file)[0]
    assert (first.kind, first.row, first.column, first.warning) == (kind, row, column, False), str(first)
    assert remedy in first.remedy
    with pytest.raises(DataError, match=f"row {row}, column '{column}'"):
        read_table(file, TABLES[name].schema)


@pytest.mark.parametrize(("name", "edit", "kind", "row", "column"), WARNINGS.values(), ids=WARNINGS)
def test_a_likely_misreading_is_a_warning(
    tmp_path: Path, name: str, edit: Edit, kind: str, row: int | None, column: str
) -> None:
    file = written(tmp_path, name, edit)
    finding = check(file)
    assert [each for each in finding if not each.warning] == []
    assert (kind, row, column) in [(each.kind, each.row, each.column) for each in finding], [
        str(each) for each in finding
    ]
    assert len(read_table(file, TABLES[name].schema)) >= len(SOUND[name]())


def test_a_national_value_is_the_same_in_both_files(tmp_path: Path) -> None:
    file = written(tmp_path, DISASTER)
    months = {row["time_period"]: row["nino34"] for row in SOUND[DISASTER]()}
    lines = [f"{month},THA,{value if month != '2003-05' else '0.09'}" for month, value in months.items()]
    weather = file.with_name("agriculture_weather.csv")
    weather.write_text("\n".join(["time_period,adm_id,nino34", *lines]))
    (finding,) = [each for each in check(weather) if each.kind == "other-file"]
    assert (finding.row, finding.column, finding.value, finding.warning) == (42, "nino34", "0.09", True)
    assert f"is {months['2003-05']} in disaster.csv" in finding.what
    assert [each.period for each in check(file) if each.kind == "other-file"] == ["2003-05"] * 2


def test_rice_that_grows_in_the_dry_months_has_its_months_exchanged(tmp_path: Path) -> None:
    for months, expected in ((("6", "11"), []), (("11", "6"), [("dry-season", 2, "planting_month", "11", True)])):
        folder = tmp_path / "-".join(months)

        def calendar(rows: list[dict[str, str]], months: tuple[str, str] = months) -> None:
            for row in rows:
                row |= dict(zip(("planting_month", "harvest_month"), months, strict=True))

        file = written(folder, YIELDS, calendar)
        rain = [f"{row['time_period']},THA,{row['rainfall']}" for row in SOUND[HEALTH]()[:96]]
        file.with_name("agriculture_weather.csv").write_text("\n".join(["time_period,adm_id,rainfall", *rain]) + "\n")
        found = [each for each in check(file) if each.kind != "long-season"]
        assert [(each.kind, each.row, each.column, each.value, each.warning) for each in found] == expected


def test_a_month_of_a_short_file_is_compared_with_that_month_of_a_long_one(tmp_path: Path) -> None:
    def two_years(august: str) -> Edit:
        def edit(rows: list[dict[str, str]]) -> None:
            rows[:] = [{**row, "location": "THA"} for row in rows[:24]]
            rows[7]["rainfall"] = august or rows[7]["rainfall"]

        return edit

    rain = [(row["time_period"][5:], row["rainfall"]) for row in SOUND[HEALTH]()[:96]]
    for august, expected in (("", []), ("9.1", [(9, "rainfall", "9.1")])):
        file = written(tmp_path / august, HEALTH, two_years(august))
        lines = [f"{1960 + at // 12}-{month},THA,{mm}" for at, (month, mm) in enumerate(4 * rain)]
        file.with_name("agriculture_weather.csv").write_text("\n".join(["time_period,adm_id,rainfall", *lines]) + "\n")
        found = [(each.row, each.column, each.value) for each in check(file) if each.kind == "other-file"]
        assert found == expected


def test_no_number_of_suppressed_counts_hides_a_text_among_them(tmp_path: Path) -> None:
    rows = "".join(
        f"{month},A,{'many' if number == LISTED + 20 else '<5'},10000,100,25\n"
        for number, month in enumerate(np.arange("2000-01", "2011-01", dtype="datetime64[M]"))
    )
    file = tmp_path / "health.csv"
    file.write_text(f"time_period,location,disease_cases,population,rainfall,mean_temperature\n{rows}")
    with pytest.raises(DataError, match=r"row 122, column 'disease_cases': 'many' is not a number"):
        read_table(file, TABLES["health.csv"].schema)
    (problem,) = check(file, limit=1)
    assert not problem.warning


def test_a_suppressed_count_is_missing(tmp_path: Path) -> None:
    file = written(tmp_path, HEALTH, put(4, "disease_cases", "<5"))
    assert read_table(file, TABLES[HEALTH].schema)["disease_cases"].isna().sum() == 1


def test_every_kind_is_explained() -> None:
    page = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    kinds = {kind for _, _, kind, *_ in [*ERRORS.values(), *WARNINGS.values()]} - {"form"}
    assert {kind for kind in kinds | set(look.ERRORS) | set(look.WARNINGS) if f"| `{kind}` |" not in page} - {
        "whole"
    } == set()


def test_a_value_of_a_small_file_that_stands_alone_is_seen(tmp_path: Path) -> None:
    """One series of six years with 0 to 23 cases: too short and too wild for what Chauvenet's criterion asks."""
    season = (0, 0, 0, 1, 4, 8, 10, 6, 3, 2, 1, 0)
    rows = [
        f"{year}-{month:02d},MMR,{60 if (year, month) == (2014, 8) else cases * (1 + year % 3)},,,"
        for year in range(2012, 2018)
        for month, cases in enumerate(season, start=1)
    ]
    file = tmp_path / "MMR" / HEALTH
    file.parent.mkdir()
    file.write_text(
        "\n".join(["time_period,location,disease_cases,population,rainfall,mean_temperature", *rows]) + "\n"
    )
    (finding,) = check(file)
    assert (finding.kind, finding.period, finding.value) == ("far", "2014-08", "60")
    low, high = (float(each) for each in finding.what.split(", which")[0].removeprefix("is far from ").split(" to "))
    assert low <= 12 <= high < 60
    file.write_text(file.read_text().replace("2014-08,MMR,60", "2014-08,MMR,12"))
    assert [each.kind for each in check(file)] == ["smooth"]  # it repeats itself, as no counts do
