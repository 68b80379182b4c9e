"""river.csv and river_gauges.csv of every country that has a gauge with daily records."""

from collections.abc import Iterable, Iterator

import pandas as pd

from tasks.errors import DataError
from tasks.importers.contract import National, Public, PublicFiles
from tasks.river.schema import GAUGES, GAUGES_SCHEMA, RIVER, RIVER_SCHEMA

DAILY = ("gauge_days", "camels_gauge", "caravan_gauge")
SILENT = "gauges without daily records"


def assemble(public: PublicFiles) -> Iterator[National]:
    """Both files of every country. Raises DataError for a gauge of no country and for one that two files hold."""
    tables = [each for name in DAILY for each in public.get(name, ())]
    gauges = _gauges(public)
    if not tables or gauges.empty:
        return
    holder = _holders(tables, gauges)
    days = pd.concat([each.table for each in tables], ignore_index=True)
    lies_in = days["gauge_id"].map(gauges["country"])
    for country in sorted(lies_in.unique()):
        rows = days[(lies_in == country).to_numpy()].sort_values(["gauge_id", "date"], ignore_index=True)
        own = gauges[gauges["country"] == country]
        there = own.index.isin(rows["gauge_id"].unique())
        files = dict.fromkeys(holder[gauge].file for gauge in own.index[there])
        yield National(
            country=country,
            task="river",
            name=RIVER,
            table=_ordered(rows, RIVER_SCHEMA.columns),
            sources=tuple(files),
            records=len(rows),
        )
        yield National(
            country=country,
            task="river",
            name=GAUGES,
            table=_ordered(own[there].reset_index(), GAUGES_SCHEMA.columns),
            sources=tuple(each.file for name in ("gauges", "hydroatlas") for each in public.get(name, ())),
            records=len(own),
            dropped={SILENT: int((~there).sum())} if not there.all() else {},
        )


def _gauges(public: PublicFiles) -> pd.DataFrame:
    """Attributes by gauge_id, those of HydroATLAS where the table itself has none."""
    own = [each.table.set_index("gauge_id") for each in public.get("gauges", ())]
    if not own:
        return pd.DataFrame()
    table = pd.concat(own)
    for gauge in table.index[table.index.duplicated()]:
        files = " and ".join(each.file.name for each in public["gauges"] if gauge in set(each.table["gauge_id"]))
        raise DataError(f"{files} both describe gauge {gauge!r}; keep one of its rows")
    for atlas in public.get("hydroatlas", ()):
        table = table.combine_first(atlas.table.set_index("gauge_id").reindex(table.index))
    return table


def _holders(tables: list[Public], gauges: pd.DataFrame) -> dict[str, Public]:
    """Gauge -> the file of its days. Raises DataError."""
    holder: dict[str, Public] = {}
    for each in tables:
        for gauge in each.table["gauge_id"].unique():
            if gauge not in gauges.index:
                raise DataError(f"{each.file}: gauge {gauge!r} stands in no table of gauges; add its row to one")
            if gauge in holder:
                raise DataError(f"{each.file} and {holder[gauge].file} both hold days of gauge {gauge!r}; keep one")
            holder[gauge] = each
    return holder


def _ordered(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """The columns in the file's order, those without those that no row has; dates as text."""
    names = [name for name in columns if name in table and table[name].notna().any()]
    table = table[names]
    return table.assign(date=table["date"].dt.strftime("%Y-%m-%d")) if "date" in table else table
