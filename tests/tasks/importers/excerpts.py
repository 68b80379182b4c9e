"""A public folder in small, written by hand: every format once, with the quirks that the real files have."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

CHAP = "time_period,location,disease_cases,population,location_name,rainfall,mean_temperature,mean_relative_humidity"
DENGUE = (
    "adm_0_name,adm_1_name,adm_2_name,full_name,ISO_A0,FAO_GAUL_code,RNE_iso_code,IBGE_code,calendar_start_date,"
    "calendar_end_date,Year,dengue_total,case_definition_standardised,S_res,T_res,UUID,region"
)
RAIN = "x,y,year,mo,prec"
CELLS = "x,y,country,area_spam,area_i,area_r"
FLOODS = "ID,GlideNumber,Country,OtherCountry,long,lat,Area,Began,Ended,Validation,Dead,Displaced,MainCause,Severity"
YIELDS = "x,y,Rice_yield,Rice.2_yield,Maize_yield,Maize.2_yield,Year"
FAO = "Unnamed: 0,Entity,Code,Year,Rice (tonnes per hectare),Cocoa beans (tonnes per hectare)"
AREAS = "x,y,Max_area,Rice_area,Rice.2_area,Maize_area,Maize.2_area,Crop,Crop_Rice"


def write(path: Path, header: str, rows: Iterable[str]) -> Path:
    """A CSV file of these lines, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def lines(file: Path | None) -> list[dict[str, str]]:
    """The rows of a written file."""
    assert file is not None
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def dengue(
    country: str, place: str, start: str, end: str, cases: object, *, period: str = "Month", of: str = "Total"
) -> str:
    """An OpenDengue row; `place` is a province, or a region and its province with a slash, or "" for the country."""
    first, _, second = place.partition("/")
    level = f"Admin{bool(first) + bool(second)}"
    names = f'{first or "NA"},{second or "NA"},"{country} {first} {second}"'
    return f"X,{names},{country},1,NA,NA,{start},{end},{start[:4]},{cases},{of},{level},{period},u,SEARO"


def calendar(step: str, months: Mapping[str, int]) -> list[str]:
    """Rows of a crop calendar for the cells (100.5, 14.5) and (101.5, -1.5): the event's month counts 1."""
    rows = []
    for cell in ("100.5,14.5", "101.5,-1.5"):
        for month in range(1, 13):
            values = [
                0 if not months.get(crop) else (month - months[crop]) % 12 + 1 for crop in ("Rice", "Rice.2", "Maize")
            ]
            rows.append(f"{cell},{month},{'.0,'.join(map(str, values))}.0,0.0,{step}")
    return rows


def calendar_header(step: str) -> str:
    """The header of a planting ('plant') or harvest table."""
    return "x,y,mo," + ",".join(f"{crop}_{step}_mid" for crop in ("Rice", "Rice.2", "Maize", "Maize.2")) + ",Month"


def public_folder(folder: Path) -> Path:
    """Two cells, two countries, a handful of months and years of every format."""
    write(
        folder / "chap.csv",
        CHAP,
        [
            "2000-01,LA-AT,0,100456,Attapeu,0.5,25.1,54.3",
            "2000-02,LA-AT,,100456,Attapeu,2,26.7,54.8",
            "2000-01,LA-VT,12,692900,Vientiane,1.25,24.0,60",
        ],
    )
    write(
        folder / "opendengue.csv",
        DENGUE,
        [
            dengue("THA", "CHIANG MAI", "2000-01-01", "2000-01-31", 5),
            dengue("THA", "", "2000-01-01", "2000-12-31", 999, period="Year"),
            dengue("LAO", "ATTAPU", "2000-01-01", "2000-01-31", 0),
        ],
    )
    write(folder / "era_pre_monthly.csv", "Date,THA,LAO", ["X200001,10.5,20", "X200002,30,40"])
    write(folder / "era_tmp_monthly.csv", "Date,THA,LAO", ["X200001,25.5,22", "X200002,26,23"])
    write(folder / "spei_monthly.csv", "Date,THA,LAO", ["X200001,-0.5,0.2", "X200002,0.4,0.1"])
    write(folder / "nino34_monthly.csv", "year,month,nino34,date", ["2000,1,-1.6,2000-01-01", "2000,2,-1.4,2000-02-01"])
    write(
        folder / "iod_monthly.csv",
        "year,month,iod,date",
        ["2000,1,2025.0,2000-01-01", "2000,1,-0.4,2000-01-01", "2000,2,0.1,2000-02-01"],
    )
    cells = [
        f"{cell},2000,{month},{rain}"
        for month, rain in (("01", 50), ("02", 75.5))
        for cell in ("100.5,14.5", "101.5,-1.5")
    ]
    write(folder / "cpc.csv", RAIN, cells)
    write(folder / "cells.csv", CELLS, ["100.5,14.5,Thailand,1,1,1", "101.5,-1.5,Indonesia,1,1,1"])
    write(
        folder / "floods.csv",
        FLOODS,
        ["1,0,Thailand\u00a0,0,100.6,14.4,7000,2000-01-20,2000-02-21,News,4,44,Torrential rain,1.0"],
    )
    write(folder / "gdhy.csv", YIELDS, ["100.5,14.5,3.5,,2.5,,2000.0", "101.5,-1.5,4.5,4.25,,,2000.0"])
    write(folder / "fao.csv", FAO, ["1,Thailand,THA,1999,2.5,", "2,Thailand,THA,2000,2.5,0.5", "3,World,,2000,3,0.4"])
    write(folder / "planting.csv", calendar_header("plant"), calendar("plant", {"Rice": 7, "Rice.2": 11, "Maize": 5}))
    write(
        folder / "harvest.csv", calendar_header("harvest"), calendar("harvest", {"Rice": 12, "Rice.2": 3, "Maize": 9})
    )
    write(
        folder / "areas.csv",
        AREAS,
        ["100.5,14.5,0.3,0.3,0.3,0.1,0.1,Rice,Rice", "101.5,-1.5,0.2,0.2,0.2,0,0,Rice,Rice"],
    )
    return folder
