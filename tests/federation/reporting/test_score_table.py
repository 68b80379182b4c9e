import math
import os
import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from federation.reporting.figures import draw_scores
from federation.reporting.rows import Better, Row
from federation.reporting.score_table import arms, table, verdict


def row(country: str, arm: str, value: float, half: float = 0.1, n: int = 100, horizon: str = "all") -> Row:
    return Row(
        task="health",
        country=country,
        arm=arm,
        score="wis",
        horizon=horizon,
        value=value,
        low=value - half,
        high=value + half,
        n=n,
    )


def shown(rows: list[Row], *, better: Better = "smaller", styled: bool = False) -> str:
    console = Console(width=120, record=True, file=open(os.devnull, "w"), force_terminal=styled)  # noqa: SIM115, PTH123
    with console.file:
        console.print(table(rows, headline="wis", title="Dengue", better=better))
        return console.export_text(styles=styled)


ROWS = [
    row("VNM", "oracle", 0.30),
    row("VNM", "federated", 0.50),
    row("VNM", "local", 0.80),
    row("VNM", "climatology", 0.90),
    row("THA", "oracle", 0.31, n=40),
    row("THA", "federated", 0.61, n=40),
    row("THA", "local", 0.60, n=40),
    row("THA", "climatology", 0.95, n=38),
    row("ASEAN", "federated", 0.55, n=1140),
    row("ASEAN", "local", 0.70, n=1140),
    row("VNM", "federated", 9.99, horizon="1 month"),
]


def test_the_table_has_a_line_a_country_and_the_region_last() -> None:
    text = shown(ROWS)
    head = next(line for line in text.splitlines() if "country" in line)
    assert head.replace("┃", " ").split() == ["country", "climatology", "local", "federated", "oracle", "n"]
    places = [line.split()[1] for line in text.splitlines() if line.startswith("│")]
    assert places == ["VNM", "THA", "ASEAN"]
    assert "9.99" not in text
    assert "1,140" in text
    assert "38–40" in text


def test_the_best_arm_is_bold_and_the_oracle_never() -> None:
    text = shown(ROWS, styled=True)
    assert "\x1b[1m0.500\x1b[0m" in text
    assert "\x1b[1m0.600\x1b[0m" in text
    assert "\x1b[1m0.300" not in text
    assert "\x1b[1m0.800" not in text


def test_where_larger_is_better_the_largest_is_bold() -> None:
    text = shown(ROWS, better="larger", styled=True)
    assert "\x1b[1m0.900\x1b[0m" in text
    assert "\x1b[1m0.500" not in text


def test_a_coverage_has_no_best_arm() -> None:
    assert "\x1b[1m0." not in shown(ROWS, better="nominal", styled=True)


def test_nothing_scored_is_a_dash_and_never_best() -> None:
    text = shown([row("LAO", "local", math.nan), row("LAO", "federated", 0.7)], styled=True)
    assert "–" in text
    assert "nan" not in text
    assert "\x1b[1m0.700\x1b[0m" in text


def test_the_verdict_names_every_country_where_federated_did_not_help() -> None:
    lines = verdict(ROWS, "wis")
    assert lines[0] == "Federated beat the country's own model and every baseline in 1 of 2 countries, clearly in 1."
    assert lines[1].startswith("THA: federated did not help: 0.610 [0.510, 0.710] against 0.600 [0.500, 0.700] of")
    assert "the country's own model, but the intervals overlap" in lines[1]
    assert len(lines) == 2


def paired(country: str, value: float, half: float) -> Row:
    return replace(row(country, "federated-local", value, half), part="paired")


def test_a_difference_with_an_interval_of_its_own_is_evaluated_by_it() -> None:
    known = [paired("VNM", -0.3, 0.31), paired("THA", 0.01, 0.009)]
    lines = verdict(ROWS, "wis", paired=known)
    assert lines[0].endswith("in 1 of 2 countries, clearly in 0.")  # though the intervals of the two arms are disjoint
    assert lines[1] == (
        "THA: federated did not help: 0.610 [0.510, 0.710] against 0.600 [0.500, 0.700] of the country's own model, "
        "the difference, 0.010 [0.001, 0.019], is clear."
    )
    unsure = verdict(ROWS, "wis", paired=[paired("THA", 0.01, 0.02), paired("ASEAN", -0.15, 0.05)])
    assert unsure[1] == "ASEAN: federated less local, -0.150 [-0.200, -0.100], is clear."
    assert unsure[2].endswith("the difference, 0.010 [-0.010, 0.030], may be chance.")


def test_a_baseline_that_beats_federated_is_reported_even_if_local_lost() -> None:
    lines = verdict([row("KHM", "flat", 0.2), row("KHM", "local", 0.9), row("KHM", "federated", 0.5)], "wis")
    assert "in 0 of 1 countries." in lines[0]
    assert "of flat, clearly so" in lines[1]


def test_without_intervals_nothing_is_called_sure() -> None:
    lines = verdict([row("LAO", "local", 0.2, math.nan), row("LAO", "federated", 0.5, math.nan)], "wis")
    assert (
        lines[1]
        == "LAO: federated did not help: 0.500 against 0.200 of the country's own model, how surely is not known."
    )


def test_what_was_not_scored_is_not_counted_as_help() -> None:
    lines = verdict([row("BRN", "local", 0.9), row("BRN", "federated", math.nan)], "wis")
    assert "0 of 0" in lines[0]
    assert lines[1] == "BRN: federated was not scored."


@given(mine=st.floats(0, 5), theirs=st.floats(0, 5), half=st.floats(0.001, 2))
def test_a_difference_is_clear_only_where_intervals_are_disjoint(mine: float, theirs: float, half: float) -> None:
    rows = [row("SGP", "local", theirs, half), row("SGP", "federated", mine, half)]
    text = " ".join(verdict(rows, "wis"))
    clear = "clearly in 1" in text or "clearly so" in text
    assert clear == (mine + half < theirs - half or theirs + half < mine - half)
    assert ("did not help" in text) == (mine >= theirs)
    assert ("did not help" in " ".join(verdict(rows, "wis", "larger"))) == (mine <= theirs)


def test_baselines_come_first_and_the_oracle_last() -> None:
    names = ["oracle", "pooled", "flat", "federated", "climatology", "local"]
    assert arms([row("VNM", name, 1) for name in names]) == [
        "flat",
        "climatology",
        "local",
        "federated",
        "pooled",
        "oracle",
    ]


@pytest.mark.parametrize("better", ["smaller", "larger"])
def test_the_picture_is_a_png_and_leaves_no_global_state(better: Better, tmp_path: Path) -> None:
    draw_scores(
        [*ROWS, row("MMR", "local", math.nan)], tmp_path / "p.png", headline="wis", title="Dengue", better=better
    )
    data = (tmp_path / "p.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width > 600
    assert height > 200


def test_the_picture_needs_no_pyplot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # an import of it fails
    draw_scores(ROWS, tmp_path / "p.png", headline="wis", title="Dengue")
    assert (tmp_path / "p.png").stat().st_size > 0
