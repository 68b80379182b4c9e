"""The second table: the scores of warnings that may be reported, and no table where none may."""

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from federation.composition.restore import restore
from federation.coordinator import evaluation
from federation.policy import templates
from federation.reporting.figures import draw_reliability
from federation.reporting.rows import ALL, Row, write_points
from federation.reporting.warning_table import table
from federation.runs.pooled_arm import as_reported
from federation.settings.plan import Plan
from federation.settings.values import plain
from federation.strategies import STRATEGIES
from federation.vault.records import open_records
from tasks.evaluation import histograms
from tasks.evaluation.distribution import chance_up_to
from tasks.evaluation.score import Sums
from tasks.registry import TASKS
from tests.tasks.evaluation.test_histograms import random


def row(country: str, arm: str, score: str, value: float, n: int = 100, horizon: str = "1 month") -> Row:
    return Row(
        task="health",
        country=country,
        arm=arm,
        score=f"outbreak_{score}",
        horizon=horizon,
        value=value,
        low=math.nan,
        high=math.nan,
        n=n,
    )


def shown(rows: list[Row], cost_loss: float = 0.3) -> str:
    sheet = table(rows, event="an outbreak", prefix="outbreak_", cost_loss=cost_loss, horizon="1 month")
    assert sheet is not None
    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(sheet)
        return console.export_text()


ROWS = [
    row("VNM", "federated", "pod", 0.5),
    row("VNM", "local", "pod", 0.456),
    row("VNM", "climatology", "pod", 0.99),
    row("VNM", "federated", "auc", 0.9, 1200),
    row("VNM", "local", "auc", 0.8, 1200),
    row("THA", "federated", "auc", math.nan, 0),
    row("THA", "local", "auc", math.nan, 0),
    row("ASEAN", "federated", "auc", 0.9, 1200),
    row("VNM", "federated", "value_30", 0.25),
    row("ASEAN", "federated", "value_30", 0.66),
    row("VNM", "federated", "value_10", 0.77),
    row("VNM", "federated", "auc", 0.11, horizon=ALL),
]


def test_the_table_shows_the_federated_model_and_the_countrys_own() -> None:
    lines = shown(ROWS).splitlines()
    head = next(line for line in lines if "country" in line)
    assert head.replace("┃", " ").split() == ["country", "POD", "AUC", "value", "n"]
    cells = {line.split()[1]: line.replace("│", " ").split()[1:] for line in lines if line.startswith("│")}
    assert cells["VNM"] == ["0.50", "(0.46)", "0.90", "(0.80)", "0.25", "(–)", "1,200"]
    assert cells["THA"] == ["–", "–", "–", "–"]
    assert cells["ASEAN"] == ["–", "0.90", "(–)", "–", "1,200"]  # no table of hits, so no value at its threshold
    assert list(cells) == ["VNM", "THA", "ASEAN"]
    assert "Warnings of an outbreak, 1 month, from a probability of 0.3 on" in " ".join(" ".join(lines).split())


def test_the_value_is_of_the_ratio_the_user_chose() -> None:
    assert "0.77" in shown(ROWS, 0.1)
    assert "0.77" not in shown(ROWS, 0.3)


def test_where_nothing_may_be_reported_there_is_no_table() -> None:
    rows = [row("THA", "federated", "auc", math.nan, 0), row("THA", "climatology", "auc", 0.6)]
    assert table(rows, event="x", prefix="outbreak_", cost_loss=0.3, horizon="1 month") is None


# From sums to rows


def plan() -> Plan:
    values = plain(Plan(task=TASKS["disaster"].settings(), strategy=STRATEGIES["fedavg"].settings()))
    return restore(Plan, values, "plan")


def sums(seed: int, rows: int) -> Sums:
    return histograms.coarse(histograms.counted(*random(seed, rows), 0.3), 0.3, 24)


def test_every_measure_of_a_histogram_is_a_row_of_country_and_region() -> None:
    scores = {
        country: {("test", arm, "auc"): sums(seed, 400) for arm in ("federated", "local")}
        for seed, country in enumerate(("THA", "VNM"))
    }
    rows_of = {(row.country, row.score): row for row in evaluation.rows(scores, plan(), "ASEAN", "test")}
    names = {"auc", *TASKS["disaster"].scores["auc"].derived}
    assert set(rows_of) == {(country, name) for country in ("THA", "VNM", "ASEAN") for name in names}
    assert rows_of["ASEAN", "pod"].n == rows_of["THA", "pod"].n + rows_of["VNM", "pod"].n
    assert np.isfinite([row.value for row in rows_of.values()]).all()


def test_the_region_compares_learnt_arms_on_the_same_countries() -> None:
    """Vietnam's own model gave too few warnings to report: Vietnam's table counts for neither model of the region."""
    few = {name: np.zeros_like(v) if name in histograms.TABLE else v for name, v in sums(2, 400).items()}
    scores = {
        "THA": {("test", arm, "auc"): sums(1, 400) for arm in ("federated", "local", "persistence")},
        "VNM": {
            ("test", "federated", "auc"): sums(2, 400),
            ("test", "local", "auc"): few,
            ("test", "persistence", "auc"): sums(3, 400),
        },
    }
    rows = [row for row in evaluation.rows(scores, plan(), "ASEAN", "test") if row.horizon == ALL]
    pod = {(row.country, row.arm): row for row in rows if row.score == "pod"}
    assert math.isfinite(pod["VNM", "federated"].value)
    assert math.isnan(pod["VNM", "local"].value)
    for arm in ("federated", "local", "persistence"):
        assert pod["ASEAN", arm].n == pod["THA", arm].n
        assert pod["ASEAN", arm].value == pytest.approx(pod["THA", arm].value)
    auc = {(row.country, row.arm): row for row in rows if row.score == "auc"}
    assert auc["ASEAN", "federated"].n == auc["THA", "federated"].n + auc["VNM", "federated"].n


def test_reliability_curves_tell_how_often_it_came_in_each_group() -> None:
    scores = {
        country: {("test", arm, "auc"): sums(seed, 400) for arm in ("federated", "local")}
        for seed, country in enumerate(("THA", "VNM"))
    }
    points = evaluation.curves(scores, plan(), "ASEAN", "test")
    for country, seed in (("THA", 0), ("VNM", 1)):
        whole = sums(seed, 400)
        curve = [each for each in points if (each.country, each.arm, each.horizon) == (country, "local", ALL)]
        assert sum(each.n for each in curve) == whole["count"][-1]
        assert sum(each.n * each.frequency for each in curve) == pytest.approx(whole["bin_events"][-1].sum())
        assert sum(each.n * each.probability for each in curve) == pytest.approx(whole["bin_forecast"][-1].sum())
        assert [each.probability for each in curve] == sorted(each.probability for each in curve)
        assert min(each.n for each in curve) >= 24
    region = [each for each in points if (each.country, each.arm, each.horizon) == ("ASEAN", "local", ALL)]
    assert sum(each.n for each in region) == sum(sums(seed, 400)["count"][-1] for seed in (0, 1))


def test_curves_are_kept_as_a_file_and_a_picture(tmp_path: Path) -> None:
    scores = {"THA": {("test", arm, "auc"): sums(1, 400) for arm in ("federated", "local")}}
    points = evaluation.curves(scores, plan(), "ASEAN", "test")
    write_points(points, tmp_path / "reliability.csv")
    kept = pd.read_csv(tmp_path / "reliability.csv")
    assert list(kept.columns) == ["country", "arm", "horizon", "probability", "frequency", "n"]
    assert len(kept) == len(points)
    assert kept["n"].tolist() == [each.n for each in points]
    draw_reliability(points, tmp_path / "reliability.png", title="Drought", region="ASEAN", horizon="1 month")
    assert (tmp_path / "reliability.png").read_bytes().startswith(b"\x89PNG")


# In the vault


def test_warnings_are_evaluated_with_the_test_alone_and_from_the_users_threshold_on(tmp_path: Path) -> None:
    task = TASKS["agriculture"]
    settings = replace(task.settings(), cost_loss=0.1)
    task.synthesize(tmp_path, "LAO", 1, settings)
    records = open_records(task, settings, tmp_path, "LAO", b"key")
    trend = records.known["validation"]["trend"], records.known["test"]["trend"]
    once = {"shortfall_auc", "shortfall_brier_skill"}
    assert set(records.evaluate("validation", trend[0])) == set(task.scores) - once
    evaluated = records.evaluate("test", trend[1])
    assert set(evaluated) == set(task.scores)
    windows = records.windows["test"]
    assert windows.threshold is not None
    chance = chance_up_to(trend[1], task.levels, windows.threshold)
    warned = (chance >= 0.1) & np.isfinite(windows.observed)
    table = evaluated["shortfall_auc"]
    assert table["hits"][-1] + table["false_alarms"][-1] == warned.sum() > 0
    assert table["hits"][-1] == (windows.observed < windows.threshold)[warned].sum()


def test_the_pooled_arm_is_no_finer_than_the_others() -> None:
    raw = histograms.counted(*random(1, 100), 0.3)
    policy = templates.policy("guarded", "VNM", Path("policy.toml"))
    skill = {name: np.full(4, 100.0) for name in TASKS["disaster"].scores["brier_skill"].names}
    left = as_reported({"auc": raw, "brier_skill": skill}, plan(), policy)
    assert left["auc"]["bin_count"][left["auc"]["bin_count"] > 0].min() >= 24
    assert raw["bin_count"][raw["bin_count"] > 0].min() < 24
    assert left["brier_skill"]["count"].tolist() == [100, 100, 100, 100]
    small = as_reported({"brier_skill": skill | {"small_count": np.array([1.0, 0, 0, 1])}}, plan(), policy)
    assert {name: own.tolist() for name, own in small["brier_skill"].items()} == {
        name: [0, 100, 100, 0] for name in skill
    }
