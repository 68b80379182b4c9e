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
    "landslides": unused.LANDSLIDES,
    "cyclones": unused.CYCLONES,
}
ASSEMBLERS: dict[str, Assembler] = {
    "health": health.assemble,
    "disaster": disaster.assemble,
    "agriculture": agriculture.assemble,
}
