"""Public formats -> national files. A new format is a file in this folder and a line in FORMATS; a new task's national
files are a file in this folder and a line in ASSEMBLERS."""

from tasks.importers import (
    agriculture,
    cells,
    chap,
    climate,
    dfo,
    disaster,
    fao,
    health,
    indices,
    opendengue,
    unused,
)
from tasks.importers.contract import Assembler, Format
from tasks.importers.markets import assemble as markets
from tasks.importers.markets import pink_sheet, wfp
from tasks.importers.rivers import assemble as rivers
from tasks.importers.rivers import daily, gauges
from tasks.importers.weekly import assemble as weekly
from tasks.importers.weekly import formats as weekly_formats

FORMATS: dict[str, Format] = {
    "chap": chap.FORMAT,
    "opendengue": opendengue.FORMAT,
    "climate": climate.FORMAT,
    "nino34": indices.NINO34,
    "iod": indices.DIPOLE,
    "cpc": cells.CPC,
    "cells": cells.CELLS,
    "dfo": dfo.FORMAT,
    "gdhy": cells.GDHY,
    "fao": fao.FORMAT,
    "planting": cells.PLANTING,
    "harvest": cells.HARVEST,
    "areas": cells.AREAS,
    "spam": unused.SPAM,
    "gauge_days": daily.TABLES,
    "camels_gauge": daily.CAMELS_FILES,
    "caravan_gauge": daily.CARAVAN_FILES,
    "gauges": gauges.GAUGES,
    "hydroatlas": gauges.ATLAS_TABLE,
    "caravan_climate": gauges.CLIMATE_TABLE,
    "wfp": wfp.FORMAT,
    "pink_sheet": pink_sheet.FORMAT,
    "landslides": unused.LANDSLIDES,
    "cyclones": unused.CYCLONES,
    **weekly_formats.FORMATS,
}
ASSEMBLERS: dict[str, Assembler] = {
    "health": health.assemble,
    "disaster": disaster.assemble,
    "agriculture": agriculture.assemble,
    "river": rivers.assemble,
    "prices": markets.assemble,
    "health_weekly": weekly.assemble,
}
