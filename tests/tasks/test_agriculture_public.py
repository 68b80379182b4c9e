"""On FAO's national yields the baselines score what they are known to score."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.agriculture import TASK
from tasks.agriculture.settings import AgricultureSettings
from tasks.evaluation.score import Evaluated, Sums, merge

UNIT = " (tonnes per hectare)"
# pinball at seven levels in units of the mean of five harvests, harvests of 2008-13; computed by another program, whose
# errors were pooled over all countries instead of each country's own
KNOWN = {"five_year_mean": 0.0380, "last_year": 0.0285, "trend": 0.0338}


def write(table: pd.DataFrame, folder: Path) -> list[str]:
    """National files from the table of all countries; a value that repeats the year before is carried forward."""
    rows = table.melt(["Code", "Year"], [str(name) for name in table if str(name).endswith(UNIT)], "crop_name", "yield")
    rows["crop_name"] = rows["crop_name"].str.removesuffix(UNIT).str.lower().str.replace(" ", "_")
    rows = rows.dropna().sort_values(["Code", "crop_name", "Year"])
    rows["observed"] = (rows.groupby(["Code", "crop_name"])["yield"].diff() != 0).astype(int)
    rows = rows.rename(columns={"Code": "country_code", "Year": "harvest_year"}).assign(adm_id=rows["Code"])
    for country, own in rows.groupby("country_code"):
        (folder / str(country)).mkdir()
        own.to_csv(folder / str(country) / TASK.file, index=False)
    return sorted(set(rows["country_code"]))


def test_baselines_reproduce_known_figures(public_data: Path, tmp_path: Path) -> None:
    settings = AgricultureSettings(weather=[])
    sums: dict[str, list[Sums]] = {name: [] for name in KNOWN}
    for country in write(pd.read_csv(public_data / "agriculture" / "fao_crop_yields_national.csv"), tmp_path):
        panel = TASK.read(tmp_path / country, country, settings)
        windows = TASK.windows(panel, settings).only("test")
        assert set(windows.due.astype("datetime64[Y]").astype(int).ravel() + 1970) <= set(range(2008, 2014))
        reference = TASK.baselines[TASK.reference](panel, windows, settings)
        for name, parts in sums.items():
            case = Evaluated(
                forecast=TASK.baselines[name](panel, windows, settings),
                reference=reference,
                observed=windows.observed,
                place=windows.place,
                origin=windows.origin,
                unit=windows.restore["unit"],
            )
            parts.append(TASK.scores["pinball"].sums(case))
    for name, parts in sums.items():
        score = TASK.scores["pinball"].estimate(merge(parts))
        assert score.value[-1] == pytest.approx(KNOWN[name], rel=0.03)
        np.testing.assert_allclose(
            score.value, score.value[0]
        )  # a baseline knows no weather: all issue dates are equal
