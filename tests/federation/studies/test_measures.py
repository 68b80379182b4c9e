"""Groups of seeds and the numbers that claims are checked with, from rows whose result is known on paper."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from math import nan, sqrt
from pathlib import Path
from typing import Any

import pytest

from federation.errors import ConfigError
from federation.reporting.rows import ALL, EXCLUDED_PERIOD, PAIRED, Row
from federation.studies.finished_runs import FinishedRun
from federation.studies.measures import MEASURES, countries, strongest_baseline, training_countries
from federation.studies.overview import overview
from federation.studies.results_pages import MARK, write
from federation.studies.secondary_tables import codes, cold_start, short_records
from federation.studies.seed_groups import Group, groups
from federation.studies.tables import differences
from federation.studies.targets import Target, evaluated
from federation.studies.task_page import findings, main_groups, task_page
from tasks.registry import TASKS
from tasks.settings import UNALIGNED

HEALTH = "health"
FLAT, CLIMATE = "flat_persistence", "climatology"
VALUES = {
    "LAO": {FLAT: 1.0, CLIMATE: 2.0, "local": 0.8, "local_adapted": 0.9, "federated": 0.5, "adapted": 0.4},
    "THA": {FLAT: 1.0, CLIMATE: 0.5, "local": 0.6, "local_adapted": 0.5, "federated": 0.8, "adapted": 0.9},
    "IDN": {FLAT: 1.0, CLIMATE: 2.0, "federated": 0.1, "adapted": 0.1},
    "ASEAN": {FLAT: 1.0, CLIMATE: 2.0, "local": 0.75, "local_adapted": 0.8, "federated": 0.6, "adapted": 0.6},
}
VALIDATION = {("LAO", "log_wis", FLAT): 1.0, ("LAO", "log_wis", CLIMATE): 0.5, ("THA", "log_wis", CLIMATE): 0.1}


def row(country: str, arm: str, value: float, **rest: object) -> Row:
    values = {"score": "log_wis", "horizon": ALL, "low": value - 0.1, "high": value + 0.1, "n": 100} | rest
    return Row(task=HEALTH, country=country, arm=arm, value=value, **values)  # type: ignore[arg-type]


def run(
    values: Mapping[str, Mapping[str, float]] = VALUES, *, name: str = "a", hour: int = 0, **params: str
) -> FinishedRun:
    usual = {"task.name": HEALTH, "seed": "1", "hold_out": "[]", "record_years": "None", "rounds": "12"}
    usual |= {"strategy.name": "fedavg", "strategy.weights": "equal", "task.calendar.test_until": "2009-12"}
    return FinishedRun(
        name=name,
        experiment="skill",
        params=usual | params,
        code="abc",
        began=datetime(2026, 1, 2, hour, tzinfo=UTC),
        cost={"seconds": 10.0, "cpu_seconds": 8.0, "peak_mib": 100.0},
        rows=[row(country, arm, value) for country, arms in values.items() for arm, value in arms.items()],
        validation=VALIDATION,
    )


def only(*runs: FinishedRun) -> Group:
    (group,) = groups(runs)
    return group


def measured(name: str, *against: str, group: Group | None = None, arm: str = "adapted") -> float:
    return MEASURES[name](group or only(run()), arm, against, "log_wis", ALL, 0)


# Groups


def test_seeds_of_one_experiment_are_averaged_row_by_row() -> None:
    second = {country: {arm: value + 0.2 for arm, value in arms.items()} for country, arms in VALUES.items()}
    group = only(run(), run(second, name="b", hour=1, seed="2"))
    assert group.seeds == [1, 2]
    means = {(each.country, each.arm): each for each in group.rows}
    assert means["LAO", "local"].value == pytest.approx(0.9)
    assert means["LAO", "local"].low == pytest.approx(0.8)
    assert group.spread["LAO", "local", "log_wis", ALL] == pytest.approx(0.2)


def test_of_the_same_seed_the_newest_run_counts() -> None:
    better = {country: dict.fromkeys(arms, 0.0) for country, arms in VALUES.items()}
    for order in (1, -1):
        group = only(*[run(hour=1), run(better, name="b", hour=2)][::order])
        assert {each.value for each in group.rows} == {0.0}
        assert group.seeds == [1]


def test_another_setting_is_another_experiment_and_other_records_are_not() -> None:
    assert len(groups([run(), run(rounds="30")])) == 2
    assert len(groups([run(), run(seed="2", data="elsewhere")])) == 1


def test_the_tasks_settings_are_read_back_from_their_words() -> None:
    other = {"task.dropout": "0.4", "task.hidden": "[8, 8]", "task.weather": "False"}
    group = only(replace(run(), params={**run().params, **other}))
    assert group.settings.calendar.test_until == "2009-12"
    assert vars(group.settings) | {"dropout": 0.4, "hidden": [8, 8], "weather": False} == vars(group.settings)
    assert group.title == TASKS[HEALTH].title(group.settings)


# Measures


def test_measures_of_the_region() -> None:
    assert measured("value") == 0.6
    assert measured("gain", "local", "local_adapted") == pytest.approx(1 - 0.6 / 0.75)


def test_measures_over_countries_count_those_that_train() -> None:
    group = only(run())
    assert countries(group) == ["IDN", "LAO", "THA"]
    assert training_countries(group) == ["LAO", "THA"]
    assert measured("geometric_mean", FLAT) == pytest.approx(sqrt(0.4 * 0.9))
    assert measured("largest_ratio", "local") == pytest.approx(0.9 / 0.6)
    # against local .5 x 1.5, against local_adapted .44 x 1.8; the rival that leaves least counts
    expected = 1 - max(sqrt(0.4 / 0.8 * 0.9 / 0.6), sqrt(0.4 / 0.9 * 0.9 / 0.5))
    assert measured("geometric_gain", "local", "local_adapted") == pytest.approx(expected)
    assert measured("smallest_lead", "local", "local_adapted") == pytest.approx(0.4 - 0.9)


def test_the_strongest_baseline_is_that_of_the_validation_years() -> None:
    group = only(run())
    assert strongest_baseline(group, "LAO") == CLIMATE  # which is the weaker one in the test
    assert strongest_baseline(group, "IDN") is None
    assert measured("countries_behind") == 1  # THA
    assert measured("countries_behind", arm="federated") == 1


def test_small_countries_do_not_count_where_it_is_said() -> None:
    small = replace(run(), rows=[replace(each, n=5 if each.country == "THA" else 100) for each in run().rows])
    assert countries(only(small), least=50) == ["IDN", "LAO"]
    assert MEASURES["largest_ratio"](only(small), "adapted", ["local"], "log_wis", ALL, 50) == pytest.approx(0.5)


# Targets


@pytest.mark.parametrize(
    ("bounds", "met"),
    [({"at_most": 0.6}, True), ({"at_most": 0.59}, False), ({"at_least": 0.6}, True), ({"at_least": 0.61}, False)],
)
def test_a_target_is_met_up_to_its_bound(bounds: dict[str, float], met: bool) -> None:
    (result,) = evaluated(only(run()), [Target(claim="x", of="dengue", **bounds)])  # type: ignore[arg-type]
    assert result.met is met
    assert ("MISSED" in result.text()) is not met
    assert "0.600" in result.text()


def test_limits_are_shown_of_a_missed_target_only() -> None:
    for bound, shown in ((0.6, False), (0.5, True)):
        (result,) = evaluated(only(run()), [Target(claim="x", of="dengue", at_most=bound, limits="Few records.")])
        assert ("Few records." in result.text()) is shown


def test_a_target_of_another_experiment_or_of_an_arm_that_did_not_run_is_not_evaluated() -> None:
    assert evaluated(only(run()), [Target(claim="x", of="drought", at_most=1.0)]) == []
    (result,) = evaluated(only(run()), [Target(claim="x", of="dengue", arm="pooled", at_most=1.0)])
    assert result.met is None
    assert "not scored" in result.text()


def test_a_target_of_one_test_says_nothing_of_one_with_an_excluded_period() -> None:
    other = only(replace(run(), params={**run().params, "task.calendar.excluded_period": "['2008-01', '2008-12']"}))
    for group, excluded, speaks in (
        (other, False, 0),
        (other, True, 1),
        (only(run()), True, 0),
        (only(run()), False, 1),
    ):
        assert len(evaluated(group, [Target(claim="x", of="dengue", at_most=1.0, excluded_period=excluded)])) == speaks


def test_a_target_may_speak_of_some_countries() -> None:
    target = Target(claim="x", of="dengue", measure="largest_ratio", against=["local"], countries=["LAO"], at_most=1.0)
    (result,) = evaluated(only(run()), [target])
    assert result.value == pytest.approx(0.5)  # THA's 1.5 is not requested


@pytest.mark.parametrize("wrong", [Target(claim="x"), Target(claim="x", measure="valeu", at_most=1.0)])
def test_a_target_without_a_bound_or_with_an_unknown_measure_is_refused(wrong: Target) -> None:
    with pytest.raises(ConfigError):
        wrong.check()


# Words


def test_where_it_did_not_help_is_said() -> None:
    text = findings(only(run()))
    assert "in 1 of 3 countries" in text
    assert "- THA: federating did not help: 0.900 [0.800, 1.000] against 0.500 [0.400, 0.600] of local adapted" in text
    assert "clearly so" in text
    assert "- THA: its strongest baseline was not beaten" in text
    assert "IDN has no model of its own" in text
    assert "- LAO" not in text


def test_an_arm_that_was_withheld_is_named_and_counts_nowhere() -> None:
    gone = {**VALUES, "LAO": dict.fromkeys(VALUES["LAO"], nan)}
    text = findings(only(run(gone)))
    assert "- LAO: adapted was not scored" in text
    assert "of 2 countries" in text


def test_a_cold_start_is_set_against_the_strongest_baseline() -> None:
    text = cold_start([only(run(hold_out="['LAO']"))])
    assert (
        "| LAO | 0.500 [0.400, 0.600] | 0.400 [0.300, 0.500] | climatology | 2.000 [1.900, 2.100] | yes | 100 | 1 |"
        in text
    )
    assert cold_start([only(run())]) == ""
    unjudged = cold_start([only(run(hold_out="['IDN']"))])  # flat persistence is the better of the two in the test
    assert "| IDN | 0.100 [0.0000, 0.200] | 0.100 [0.0000, 0.200] | flat persistence | 1.000 " in unjudged


def test_measures_of_countries_that_are_behind_or_never_trained() -> None:
    group = only(run())
    assert measured("country_mean") == pytest.approx((0.4 + 0.9) / 2)
    assert measured("held_out_ratio", FLAT, CLIMATE) == pytest.approx(0.1)  # Indonesia has no arm of its own
    ends = {"LAO": (-0.2, -0.1), "THA": (0.1, 0.3), "IDN": (0.1, 0.3)}
    paired = [row(place, "adapted-local", 0.0, part=PAIRED, low=low, high=high) for place, (low, high) in ends.items()]
    assert measured("wholly_worse", "local", group=replace(group, paired=paired)) == 1
    with pytest.raises(KeyError):
        measured("wholly_worse", "local_adapted", group=replace(group, paired=paired))


def test_a_short_record_is_shown_by_years() -> None:
    some = [only(run(record_years=years, record_of="['THA']")) for years in ("10", "2")]
    lines = [line for line in short_records(some).splitlines() if "THA" in line]
    assert [line.split(" | ")[2] for line in lines] == ["2", "10"]
    assert short_records([only(run())]) == ""


def test_trials_are_separate_from_results(tmp_path: Path) -> None:
    trial = replace(run(rounds="30"), experiment="choice-health")
    text = task_page(groups([run(), trial]), [], tmp_path)
    assert text.count("**geometric mean**") == 1
    (line,) = [line for line in text.split("## Trials before the test")[1].splitlines() if "rounds=30" in line]
    assert "0.750 [0.650, 0.850]" in line


def test_a_clear_difference_is_one_whose_own_interval_leaves_zero_out(tmp_path: Path) -> None:
    pairs = {
        ("THA", "adapted-local_adapted"): 0.4,
        ("LAO", "adapted-local"): -0.4,
        ("ASEAN", "federated-local"): -0.15,
    }
    paired = [replace(row(country, pair, value), part=PAIRED) for (country, pair), value in pairs.items()]
    group = only(replace(run(), paired=paired))
    assert "of local adapted, the difference, 0.400 [0.300, 0.500], is clear." in findings(group)
    lines = differences(group).splitlines()
    assert "| LAO | – | -0.400 [-0.500, -0.300] | -0.400 [-0.500, -0.300] (local) | – |" in lines
    assert "| THA | – | – | 0.400 [0.300, 0.500] (local adapted) | – |" in lines
    assert "| ASEAN | -0.150 [-0.250, -0.0500] | – | – | – |" in lines
    assert measured("end_of_difference", "local", group=group, arm="federated") == pytest.approx(-0.05)
    (unknown,) = evaluated(
        group, [Target(claim="x", of="dengue", measure="end_of_difference", against=["local"], at_most=0)]
    )
    assert unknown.value is None
    assert differences(group) in task_page([group], [], tmp_path)
    assert differences(only(run())) == ""


def test_an_excluded_period_has_a_table_of_its_own(tmp_path: Path) -> None:
    excluded = [replace(row(place, "adapted", 7.0), part=EXCLUDED_PERIOD) for place in ("LAO", "ASEAN")]
    excluding: dict[str, Any] = {"task.calendar.excluded_period": "['2008-01', '2008-12']"}
    group = only(replace(run(**excluding), excluded=excluded))
    text = task_page([group], [], tmp_path)
    assert "2009-12, without 2008-01 to 2008-12. Seeds 1" in text
    table = text.split("**Excluded period, 2008-01 to 2008-12**")[1].split("\n\n")[1]
    assert table.count("7.000") == text.count("7.000") == 2


def test_an_unaligned_run_stands_under_its_own_heading_alone(tmp_path: Path) -> None:
    fair, flattering = (
        run(),
        run(
            {country: dict.fromkeys(arms, 0.011) for country, arms in VALUES.items()},
            name="b",
            **{"task.calendar.unaligned": "True"},  # type: ignore[arg-type]
        ),
    )
    target = Target(claim="x", of="dengue", at_most=0.5)
    text = task_page(groups([fair, flattering]), [target], tmp_path)
    before, after = text.split(f"## {UNALIGNED.capitalize()}")
    assert "0.0110" not in before
    assert "0.0110" in after
    assert f"### Monthly dengue per province, {UNALIGNED}" in after
    assert before.count("| x |") == 1
    assert len(list(tmp_path.glob("*.png"))) == 1


def test_the_first_page_says_for_the_region_what_is_clear_and_where_not_to_federate() -> None:
    pairs = {
        ("THA", "adapted-local_adapted"): 0.4,
        ("LAO", "adapted-local"): -0.4,
        ("ASEAN", "adapted-local"): -0.15,
        ("ASEAN", "adapted-flat_persistence"): 0.05,
    }
    paired = [replace(row(country, pair, value), part=PAIRED) for (country, pair), value in pairs.items()]
    text = overview({"results/health.md": groups([replace(run(), paired=paired)])}, {"results/a.md": "A page"})
    assert "Not in this table: [A page](results/a.md)." in text
    (line,) = [line for line in text.splitlines() if "results/health.md" in line]
    assert "| 0.600 | 0.750 (local) | 1.000 (flat persistence) |" in line
    assert "| -0.150 [-0.250, -0.0500], **clearly better** | 0.0500 [-0.0500, 0.150], may be chance | 8 s |" in line
    (sentence,) = [line for line in text.splitlines() if line.startswith("**Where not to federate**")]
    assert "THA in Monthly dengue per province" in sentence
    assert "(local adapted)" in sentence
    assert "LAO" not in sentence


def test_a_whole_region_goes_before_one_with_a_country_held_out() -> None:
    held, whole = run(hold_out="['LAO']"), run()
    assert main_groups(groups([held, whole])) == main_groups(groups([whole]))
    (only_held,) = main_groups(groups([held]))
    assert only_held.param("hold_out") == "['LAO']"


def test_what_a_person_wrote_above_the_mark_is_kept(tmp_path: Path) -> None:
    page, first = tmp_path / "results" / "health.md", tmp_path / "results.md"
    write(groups([run()]), [], first)
    text = page.read_text()
    assert text.startswith(f"# Results of task=health\n\n{MARK}")
    assert f"[{main_groups(groups([run()]))[0].title}, " in first.read_text()
    page.write_text(text.replace(MARK, f"Read this first.\n\n{MARK}").replace("0.600", "9.999"))
    write(groups([run()]), [], first)
    assert page.read_text() == text.replace(MARK, f"Read this first.\n\n{MARK}")


def test_codes_are_read_from_mlflows_words() -> None:
    assert codes("['LAO', 'KHM']") == ["LAO", "KHM"]
    assert codes("[]") == []
