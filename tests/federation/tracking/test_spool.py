"""The spool against a model of a run that is killed anywhere: MLflow gets what an undisturbed run would send."""

import math
from collections import Counter
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.tracking.spool import NAME, Spool, read, read_all


def metric(step: int, **values: float) -> dict[str, object]:
    return {"do": "metrics", "country": None, "step": step, "time": 0, "values": values}


@st.composite
def deaths(draw: st.DrawFn) -> list[tuple[int, int, float, int]]:
    """For every life of a process: rounds it lives, rounds since its checkpoint, share sent, bytes of a torn line."""
    life = st.tuples(st.integers(0, 4), st.integers(0, 2), st.floats(0, 1), st.integers(0, 20))
    return draw(st.lists(life, max_size=6))


@hypothesis.settings(max_examples=60)
@given(deaths=deaths())
def test_a_run_killed_anywhere_sends_every_row_once(
    deaths: list[tuple[int, int, float, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("run") / NAME
    rounds = 6
    checkpoint = [(0, 0)]  # (round, committed bytes), every one of them
    sent: dict[int, object] = {}  # byte -> record, as MLflow would have it
    tried = 0
    for life, (lived, late, share, torn) in enumerate([*deaths, (rounds, 0, 1.0, 0)]):
        first, committed = checkpoint[-1]
        spool = Spool(path, committed=committed, tried=tried)
        durable = []
        for step in range(first, min(first + lived, rounds)):
            spool.put(metric(step, loss=step / 7, seconds=float(life)))  # seconds differ from life to life
            durable.append((step + 1, spool.flush()))
        checkpoint += durable[: len(durable) - late] if late else durable
        stop = durable[-1][1] if durable else max(committed, tried)
        stop = tried + int((stop - tried) * share)
        start = 0
        while start < stop:
            records, end = read(path, start, stop, chunk=1)
            if not records:
                break
            assert sent.setdefault(start, records) == records, "a record changed after it was sent"
            start = end
        tried = max(tried, start)
        spool.close()
        with path.open("ab") as file:
            file.write(b'{"do": "metrics", "step": 9'[:torn])
    counts = Counter((record["step"], name) for record in read_all(path) for name in record["values"])
    assert counts == Counter((step, name) for step in range(rounds) for name in ("loss", "seconds"))


def test_what_is_not_finite_comes_back(tmp_path: Path) -> None:
    spool = Spool(tmp_path / NAME, committed=0, tried=0)
    spool.put(metric(1, a=math.nan, b=math.inf, c=0.1))
    spool.flush()
    spool.close()
    [record] = read_all(tmp_path / NAME)
    assert [str(float(value)) for value in record["values"].values()] == ["nan", "inf", "0.1"]


def test_nothing_past_the_committed_length_is_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path / NAME, committed=0, tried=0)
    spool.put(metric(1, a=1))
    committed = spool.flush()
    spool.put(metric(2, a=2))
    spool.flush()
    spool.close()
    records, end = read(tmp_path / NAME, 0, committed)
    assert [record["step"] for record in records] == [1]
    assert end == committed
    assert read(tmp_path / NAME, committed, committed) == ([], committed)
