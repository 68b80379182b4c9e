"""Rivers and prices: every public layout becomes the same national files, and what may not be read is named."""

from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.files.check import check
from tasks.importers.folder import import_folder
from tests.tasks.importers.excerpts import lines, write
from tests.tasks.sheets.workbooks import write_xlsx

CUT = "gauge_id,date,discharge_mm_d,precipitation_mm_d,temperature_degc,pet_mm_d,prevah_discharge_mm_d"
OWN = "date,discharge_vol(m3/s),discharge_spec(mm/d),waterlevel(m),precipitation(mm/d),temperature_mean(degC)"
CARAVAN = "date,snow_depth_water_equivalent_mean,total_precipitation_sum,temperature_2m_mean,streamflow"
PLACES = "gauge_id,country,gauge_name,gauge_lon,gauge_lat,area,ice_perc"
WFP = "date,admin1,admin2,market,latitude,longitude,category,commodity,unit,priceflag,pricetype,currency,price,usdprice"
HXL = (
    "#date,#adm1+name,#adm2+name,#loc+market+name,#geo+lat,#geo+lon,#item+type,#item+name,#item+unit,#item+price+flag,"
    "#item+price+type,#currency,#value,#value+usd"
)


def gauges(folder: Path, *rows: str) -> Path:
    return write(folder / "gauges.csv", PLACES, rows)


def price(month: str, value: str, *, flag: str = "actual", market: str = "Pakse", row: str = "") -> str:
    return f'{month}-15,A,B,{market},15.1,105.8,cereals,"Rice (low, white)",KG,{flag},Retail,LAK,{value},0.1{row}'


def test_rivers_of_every_layout_are_the_same_rows(tmp_path: Path) -> None:
    gauges(tmp_path / "cut", "7,CH,Bern,7.4,46.9,100.5,0", "8,AT,Linz,14.3,48.3,30,", "9,AT,Graz,15.4,47.1,20,1")
    write(
        tmp_path / "cut" / "days.csv",
        CUT,
        ["7,2000-01-02,,1,-2,0.1,0.5", "7,2000-01-01,1.5,0,-1.5,0.2,", "8,2000-01-01,2,3,4,,"],
    )
    done = import_folder(tmp_path / "cut", tmp_path / "one")
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["AUT", "CHE"]
    assert (tmp_path / "one" / "CHE" / "river.csv").read_text().splitlines() == [
        "date,gauge_id,streamflow,precipitation,temperature,pet,simulated_streamflow",
        "2000-01-01,7,1.5,0.0,-1.5,0.2,",
        "2000-01-02,7,,1.0,-2.0,0.1,0.5",
    ]
    assert lines(tmp_path / "one" / "AUT" / "river_gauges.csv")[0]["gauge_name"] == "Linz"
    assert [report.dropped for report in done.reports if report.kept == 1 and report.records == 2] == [
        {"gauges without daily records": 1}
    ]
    days = tmp_path / "own" / "CAMELS_CH_obs_based_7.csv"
    write(days, OWN, ["2000-01-01,99,1.5,7,0,-1.5", "2000-01-02,NaN,NaN,NaN,1,-2"])
    gauges(tmp_path / "own", "7,CHE,Bern,7.4,46.9,100.5,0")
    import_folder(tmp_path / "own", tmp_path / "two")
    write(tmp_path / "caravan" / "ch_7.csv", CARAVAN + ",potential_evaporation_sum", ["2000-01-01,0,0,-1.5,1.5,0.2"])
    write(tmp_path / "caravan" / "other.csv", PLACES, ["ch_7,Switzerland,Bern,7.4,46.9,100.5,"])
    write(tmp_path / "caravan" / "atlas.csv", "gauge_id,ele_mt_sav,slp_dg_sav,gla_pc_sse", ["ch_7,900,125,3"])
    write(tmp_path / "caravan" / "climate.csv", "gauge_id,p_mean,aridity", ["ch_7,3,0.5"])
    done = import_folder(tmp_path / "caravan", tmp_path / "three")
    assert [path.name for path in done.unused] == ["climate.csv"]
    first = [
        {name: row[name] for name in ("date", "streamflow", "precipitation", "temperature")}
        for folder in ("one", "two", "three")
        for row in lines(tmp_path / folder / "CHE" / "river.csv")[:1]
    ]
    assert first[0] == first[1] == first[2]
    (gauge,) = lines(tmp_path / "three" / "CHE" / "river_gauges.csv")
    assert [gauge[name] for name in ("elev_mean", "slope_mean", "ice_perc")] == ["900.0", "12.5", "3.0"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["8,CH,Bern,7.4,46.9,100.5,0"], r"days\.csv: gauge '7' stands in no table of gauges"),
        (["7,CH,Bern,7.4,46.9,100.5,0", "8,Utopia,X,7,46,1,0"], r"row 3, column 'country': 'Utopia' is no country"),
        (["7,CH,Bern,7.4,146.9,100.5,0"], r"row 2, column 'gauge_lat': '146.9' is outside -90 to 90"),
    ],
)
def test_a_gauge_of_no_country_is_refused(tmp_path: Path, rows: list[str], says: str) -> None:
    gauges(tmp_path / "from", *rows)
    write(tmp_path / "from" / "days.csv", CUT, ["7,2000-01-01,1.5,0,-1.5,0.2,"])
    with pytest.raises(DataError, match=says):
        import_folder(tmp_path / "from", tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_more_water_than_rain_is_a_warning(tmp_path: Path) -> None:
    days = [f"{2000 + day // 360}-{day // 30 % 12 + 1:02d}-{day % 30 % 28 + 1:02d}" for day in range(720)]
    rows = [f"{day},{gauge},{flow},2,5" for gauge, flow in (("7", 1.5), ("8", 3)) for day in sorted(set(days))]
    file = write(tmp_path / "CHE" / "river.csv", "date,gauge_id,streamflow,precipitation,temperature", rows)
    assert [(each.kind, each.value, each.warning) for each in check(file)] == [("more-than-rain", "8", True)]


def test_prices_leave_out_forecasts_copies_and_dollars_and_name_a_slip(tmp_path: Path) -> None:
    months = [f"{year}-{month:02d}" for year in range(2010, 2013) for month in range(1, 13)]
    rows = [price(month, "22555.0" if month == "2011-02" else "3000.0") for month in months]
    more = [price("2012-12", "3100.0", flag="forecast"), price("2010-01", "3000.0"), price("2013-01", "")]
    write(tmp_path / "from" / "wfp_food_prices_lao.csv", WFP, [HXL, *rows, *more])
    write(tmp_path / "from" / "cmo.csv", "month,rice_thai5,maize,crude", ["2010-01,276.2,,20.35"])
    write(tmp_path / "from" / "prices_of_somebody.csv", WFP, [HXL, *rows])
    done = import_folder(tmp_path / "from", tmp_path / "to")
    assert [path.name for path in done.unused] == ["prices_of_somebody.csv"]
    (own, world) = done.reports
    assert own.kept == 36 == own.records - 3
    assert own.dropped == {"forecasts, by their flag": 1, "copies of another row": 1, "no price": 1}
    written = lines(tmp_path / "to" / "LAO" / "prices.csv")
    assert "usdprice" not in written[0]
    assert (written[0]["time_period"], written[0]["price"], written[0]["currency"]) == ("2010-01", "3000.0", "LAK")
    assert world.kept == 2
    findings = check(tmp_path / "to" / "LAO" / "prices.csv")
    assert [(each.kind, each.value, each.period) for each in findings] == [("far", "22555", "2011-02")]


def test_two_prices_of_one_month_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "from" / "wfp_food_prices_lao.csv", WFP, [price("2010-01", "3000"), price("2010-01", "3001")])
    with pytest.raises(
        DataError, match=r"row 3, column 'price': 3001 for 'Rice \(low, white\)'.*is not the 3000.*row 2"
    ):
        import_folder(tmp_path / "from", tmp_path / "to")


PINK = (  # the sheet of the World Bank's workbook: four rows of title, the names, the units, then the months
    ("World Bank Commodity Price Data (The Pink Sheet)",),
    ("monthly prices in nominal US dollars, 1960 to present",),
    ("(monthly series are available only in nominal US dollar terms)",),
    ("Updated on November 03, 2026",),
    (
        "",
        "Crude oil, average",
        "Coal, Australian",
        "Palm oil",
        "Maize",
        "Rice, Thai 5% ",
        "Rice, Viet Namese 5%",
        "Urea ",
    ),
    ("", "($/bbl)", "($/mt)", "($/mt)", "($/mt)", "($/mt)", "($/mt)", "($/mt)"),
    ("1960M01", 1.63, "…", 233, 45, 104.3, "…", 42.25),
    ("2026M10", 80.5, 110.2, 900.5, 200.1, 420, 398.25, 350.5),
)


def test_the_world_banks_own_workbook_is_the_world_prices(tmp_path: Path) -> None:
    write(tmp_path / "from" / "wfp_food_prices_lao.csv", WFP, [price("2010-01", "3000")])
    file = tmp_path / "from" / "CMO-Historical-Data-Monthly.xlsx"
    write_xlsx(file, {"AFOSHEET": [["notes"]], "Monthly Prices": PINK, "Monthly Indices": [["2026M10", 1]]})
    done = import_folder(tmp_path / "from", tmp_path / "to")
    assert done.reports[1].sources == (file,)
    rows = [tuple(row.values()) for row in lines(tmp_path / "to" / "LAO" / "prices_world.csv")]
    assert len(rows) == 11
    assert ("1960-01", "rice_thai5", "104.3") in rows
    assert ("2026-10", "rice_viet5", "398.25") in rows
    assert {row[1] for row in rows} == {"crude", "palm_oil", "maize", "rice_thai5", "rice_viet5", "urea"}
    for sheets, said in (
        ({"Monthly Indices": PINK}, "has no sheet 'Monthly Prices'"),
        ({"Monthly Prices": [*PINK, ("2026M11", "about 80")]}, "row 9, crude: 'about 80' is no price"),
        ({"Monthly Prices": PINK[5:]}, "no row names crude oil, average"),
    ):
        write_xlsx(file, sheets)
        with pytest.raises(DataError, match=said):
            import_folder(tmp_path / "from", tmp_path / "to")
