"""Every kind of fault by its name, and those that may not pass in silence at all."""

from tests.misreading.faults.fault import Fault, amounts, cases, counts, measured
from tests.misreading.faults.names import coordinates, misspelt, spelling
from tests.misreading.faults.periods import mistaken_period, mistyped_year, other_writing
from tests.misreading.faults.rows import duplicate, nation, parent, swapped, total
from tests.misreading.faults.units import (
    moved,
    period_in_another_unit,
    place_in_another_unit,
    rate,
    running,
    year_in_another_unit,
)
from tests.misreading.faults.values import code, grouped, native, single, times

FAULTS: dict[str, Fault] = {
    "dot between thousands": single(counts, lambda value: value >= 1000)(grouped(".")),
    "other separator of thousands": single(measured, lambda value: value >= 1000)(grouped(",' \u00a0\u202f’")),
    "decimal comma": single(measured, lambda value: value % 1 > 0)(lambda value, _: value.replace(".", ",")),
    "native digits": single(measured, lambda value: value >= 0)(native),
    "suppressed count": single(cases, lambda value: value < 10)(lambda value, _: "<5" if float(value) < 5 else "<10"),
    "code for missing": single(measured, lambda _: True)(code),
    "zero for missing": single(amounts, lambda value: value > 0)(lambda _, __: "0"),
    "ten times off": single(amounts, lambda value: value > 0)(times(10, 0.1)),
    "hundred or thousand times off": single(amounts, lambda value: value > 0)(times(100, 1000, 0.01, 0.001)),
    "national value ten times off": single(
        lambda text, schema: [name for name in measured(text, schema) if schema.columns[name].shared],
        lambda value: value != 0,
    )(times(10, 0.1)),
    "a year in another unit": year_in_another_unit,
    "a period in another unit": period_in_another_unit,
    "a place in another unit": place_in_another_unit,
    "running total": running,
    "season moved": moved,
    "rate for counts": rate,
    "record twice": duplicate,
    "columns exchanged": swapped,
    "total row": total,
    "nation among places": nation,
    "region among its places": parent,
    "place written otherwise": spelling,
    "place misspelt": misspelt,
    "wrong coordinates": coordinates,
    "period written otherwise": mistaken_period(other_writing),
    "year mistyped": mistaken_period(mistyped_year),
}


NEVER = {
    *("dot between thousands", "other separator of thousands", "total row", "nation among places"),
    *(
        "region among its places",
        "ten times off",
        "hundred or thousand times off",
        "record twice",
        "columns exchanged",
    ),
}  # kinds that may not pass in silence at all
