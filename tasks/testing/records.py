"""The national files of a task and the panel that it reads from them."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tasks.errors import DataError
from tasks.testing.example import COUNTRY, Check, Example, equal
from tasks.time_step import STEPS


def check_synthetic_bytes_depend_on_country_and_seed_alone(example: Example) -> None:
    def synthesized(country: str, seed: int) -> bytes:
        random.seed(seed)
        np.random.seed(seed)
        with TemporaryDirectory() as folder:
            example.task.synthesize(Path(folder), country, seed, example.settings)
            return (Path(folder) / example.task.file).read_bytes()

    first = (example.folder / example.task.file).read_bytes()
    assert synthesized(COUNTRY, 1) == first, "the same country and seed must give the same bytes"
    assert synthesized(COUNTRY, 2) != first, "another seed must give other records"
    assert synthesized("KHM", 1) != first, "another country must have other records"


def check_missing_file_is_a_data_error_of_one_line(example: Example) -> None:
    with TemporaryDirectory() as folder:
        try:
            example.task.read(Path(folder), COUNTRY, example.settings)
        except DataError as error:
            message = str(error)
        else:
            raise AssertionError("reading an empty folder must raise DataError")
    assert example.task.file.split(".")[0] in message, f"the error must name {example.task.file}: {message}"
    assert "\n" not in message, f"the error must be one line: {message}"


def check_order_of_rows_does_not_matter(example: Example) -> None:
    with TemporaryDirectory() as folder:
        for source in example.folder.glob("*.csv"):
            head, *rows = source.read_text(encoding="utf-8").splitlines()
            random.Random(1).shuffle(rows)
            (Path(folder) / source.name).write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
        panel = example.task.read(Path(folder), COUNTRY, example.settings)
    assert panel.places == example.panel.places, "places must not depend on the order of the rows"
    equal(panel.target, example.panel.target, "the target must not depend on the order of the rows")
    for name, values in example.panel.covariates.items():
        equal(panel.covariates[name], values, f"{name} must not depend on the order of the rows")


def check_panel_is_a_regular_grid(example: Example) -> None:
    panel = example.panel
    assert panel.country == COUNTRY, f"the panel's country is {panel.country!r}, not {COUNTRY!r}"
    step = example.settings.calendar.step
    assert panel.step == step, f"the panel's step is a {panel.step}, the calendar's a {step}"
    assert panel.periods.dtype == STEPS[step].dtype, f"periods are {panel.periods.dtype}"
    assert len(set(np.diff(panel.periods))) == 1, "periods must lie evenly"
    assert len(set(panel.places)) == len(panel.places), "two places have one name"
    for name, values in {"target": panel.target, **panel.covariates}.items():
        assert values.shape == (len(panel.places), len(panel.periods)), f"{name} has the shape {values.shape}"
    for name, values in panel.static.items():
        assert len(values) == len(panel.places), f"static {name} has {len(values)} values"


RECORD_CHECKS: tuple[Check, ...] = (
    check_synthetic_bytes_depend_on_country_and_seed_alone,
    check_missing_file_is_a_data_error_of_one_line,
    check_order_of_rows_does_not_matter,
    check_panel_is_a_regular_grid,
)
