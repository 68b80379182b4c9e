"""Gauges to be read with care: each reason by a gauge that has it, and none by one that has none."""

from dataclasses import replace

import numpy as np

from tasks.evaluation.score import Evaluated
from tasks.river.gauges.listing import Record, listed
from tasks.river.gauges.separated import TWINS
from tasks.river.scores import SCORES
from tasks.river.settings import LEADS, LEVELS

DAYS = np.datetime64("2000-01-01") + np.arange(1500)


def record() -> Record:
    rng = np.random.default_rng(1)
    flow = rng.gamma(20, 0.1, (7, len(DAYS)))
    flow[0, 200:600] = np.nan
    flow[1, 300:400] = 2.5
    flow[2, (DAYS.astype(int) + 3) % 7 == 6] *= 0.5
    flow[4] = 1.1 * flow[3] + 0.2 * rng.random(len(DAYS))
    rain = np.full_like(flow, 5.0)
    rain[5] = 1.0
    plants = np.zeros(7)
    places = ("gap", "constant", "sunday", "upper", "lower", "wet", "sound")
    return Record(country="LAO", periods=DAYS, places=places, flow=flow, rain=rain, plants=plants)


def test_every_reason_names_its_gauge_and_a_sound_one_is_not_named() -> None:
    home = record()
    abroad = replace(home, country="VNM", flow=home.flow[6:], rain=home.rain[6:], places=("other",), plants=np.zeros(1))
    found = {(each.kind, each.gauge): each.reason for each in listed(home)}
    assert set(found) == {
        ("long gap", "gap"),
        ("constant run", "constant"),
        ("regulated", "sunday"),
        ("runoff over 1", "wet"),
        ("twin at home", "upper"),
        ("twin at home", "lower"),
    }
    assert found["long gap", "gap"] == "(400 days)"
    assert found["constant run", "constant"] == "(100 days)"
    assert found["twin at home", "upper"].startswith("with lower (r 0.9")
    assert {each.gauge for each in listed(home, [abroad]) if each.kind == "twin in VNM"} == {"sound"}
    dammed = replace(home, plants=np.array([0, 0, 0, 0, 0, 0, 2.0]))
    assert ("regulated", "sound") in {(each.kind, each.gauge) for each in listed(dammed)}


def test_a_separated_score_is_that_of_gauges_without_twin_and_of_no_few() -> None:
    rng, gauges = np.random.default_rng(2), 14
    place = np.repeat(np.arange(gauges), 40)
    observed = rng.gamma(2, 1, (len(place), LEADS))
    forecast, reference = (np.sort(rng.gamma(2, 1, (*observed.shape, len(LEVELS)))) for _ in range(2))
    case = Evaluated(
        forecast=forecast,
        reference=reference,
        observed=observed,
        place=place,
        origin=np.datetime64("2010-01-01") + np.tile(np.arange(40) * 40, gauges),
        step="day",
        restore={TWINS: (place < 6).astype(float)},
    )
    score, whole = SCORES["crps_skill_separated"], SCORES["crps_skill"]
    alone = case.take(place >= 6)
    np.testing.assert_allclose(score.estimate(score.sums(case)).value, whole.estimate(whole.sums(alone)).value)
    assert not score.sums(case)["small_count"].any()
    assert score.sums(replace(case, restore={TWINS: (place < 2).astype(float)}))["small_count"].all()
    halves = [score.totals(case.take(rows)) for rows in (place < 8, place >= 8)]
    for name, values in score.totals(case).items():
        if not name.startswith("largest/"):
            np.testing.assert_allclose(halves[0][name] + halves[1][name], values, err_msg=name)
