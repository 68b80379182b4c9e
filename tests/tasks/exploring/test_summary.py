"""Every number of a summary rests on many place-periods, and so does what two summaries differ by."""

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tasks.data import Panel
from tasks.exploring.summary import Group, Summary, read, summarise

LEAST, LARGEST = 24, 0.8


def panel(seed: int, months: int, places: int = 1, since: str = "1990-01") -> Panel:
    """Counts with holes and zeros, and now and then one that outweighs all others."""
    draw = np.random.default_rng(seed)
    target = draw.poisson(3, (places, months)) * np.where(draw.random((places, months)) < 0.01, 5000.0, 1.0)
    target[draw.random((places, months)) < 0.2] = np.nan
    periods = np.datetime64(since, "M") + np.arange(months)
    return Panel(country="VNM", periods=periods, places=tuple(map(str, range(places))), target=target)


def until(whole: Panel, months: int) -> Panel:
    return replace(whole, periods=whole.periods[:months], target=whole.target[:, :months])


def cells(summary: Summary) -> Iterator[tuple[str, Group]]:
    yield from ((f"year {group.first}", group) for group in summary.years)
    yield from ((f"month {group.first}", group) for group in summary.season)


@pytest.mark.parametrize("places", [1, 3])
def test_summaries_before_and_after_new_records_differ_by_whole_cohorts(places: int) -> None:
    seen = 0
    for seed in range(4):
        whole, before = panel(seed, 540, places), dict[str, Group]()
        for months in range(60, 541, 5):
            now = dict(cells(summarise(until(whole, months), least=LEAST, largest=LARGEST)))
            for name, group in now.items():
                old = before.get(name)
                assert group.reported >= LEAST
                assert old == group or old is None or group.reported - old.reported >= LEAST, (seed, months, name)
            assert set(before) <= set(now), "nothing is taken back"
            seen, before = seen + len(now), now
    assert seen > 300


def test_one_record_that_makes_most_of_a_sum_is_not_shown_with_it_alone() -> None:
    target = np.ones((1, 96))
    target[0, 30] = 1000.0
    flat = replace(panel(0, 96), target=target)
    shown = summarise(flat, least=LEAST, largest=LARGEST)
    assert [(group.first, group.last) for group in shown.years] == [
        ("1990", "1991"),
        ("1994", "1995"),
        ("1996", "1997"),
    ]
    assert {group.mean for group in shown.years} == {1.0}
    assert len(summarise(flat, least=LEAST, largest=1.0).years) == 4


def test_what_is_on_record() -> None:
    months = np.arange(240)
    target = np.tile(10 + 5 * np.sin(2 * np.pi * (months - 3) / 12), (4, 1))
    target[:, 24:30] = np.nan
    target[0, 238:] = np.nan
    target[:3, 239] = np.nan
    noisy = target + np.random.default_rng(1).normal(0, 0.1, target.shape)
    for at in range(7):
        noisy[1, 100 + 12 * at] = 80.0
    said = summarise(replace(panel(0, 240, 4), target=noisy), least=LEAST, largest=LARGEST)
    assert said.places == 4
    assert said.gaps == (("1992-01", "1992-06"),)
    assert (said.zeros, said.far, said.end, said.behind) == (0.0, 5, "2009-11", 0)
    assert sum(group.reported for group in said.years) == int(np.isfinite(noisy).sum())
    assert summarise(replace(panel(0, 240, 4), target=noisy), least=LEAST, largest=1, with_end=False).end == ""


def test_a_summary_is_read_again_and_nonsense_is_refused() -> None:
    said = summarise(panel(1, 240, 5), least=LEAST, largest=LARGEST)
    values = json.loads(json.dumps(said.plain()))
    assert read(values) == said
    for key, wrong in (("places", "many"), ("end", "x" * 99), ("years", [{}]), ("zeros", True), ("gaps", [[1, 2]])):
        with pytest.raises((ValueError, TypeError, KeyError)):
            read({**values, key: wrong})
