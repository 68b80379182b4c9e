"""How far a run is, read from its spool while another process writes it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from federation.cli import main
from federation.settings.parts import TrackingSettings
from federation.tracking.first_sight import HEADLINE
from federation.tracking.progress import RoundDone, follow, json_line, line
from federation.tracking.run_info import RunInfo
from federation.tracking.tracker import Tracker
from tasks.files.locking import lock

INFO = RunInfo(id="demo", name="demo", countries=("LAO", "THA"), params={"rounds": 3}, tags={HEADLINE: "wis"})


def written(tracker: Tracker, step: int, *, without: str = "") -> None:
    """One round, as a run writes it."""
    for country in INFO.countries:
        tracker.metrics({"round/bytes_sent": 500_000}, step=step, country=country)
    if without:
        tracker.tags({f"refused.{step}": "no reply in time"}, country=without)
    totals = {"round/countries": 2 - bool(without), "round/train_loss": 0.5, "round/bytes": 1_500_000}
    tracker.metrics(totals, step=step)
    tracker.metrics({"validation/wis/federated": 0.3 / step, "validation/wis/local": 0.4}, step=step - 1)
    tracker.metrics({"validation/wis/federated": 9.0}, step=step - 1, country="LAO")
    tracker.commit()


def test_every_round_is_seen_once_while_the_run_goes_on(tmp_path: Path) -> None:
    tracker = Tracker(tmp_path, TrackingSettings(name="none"), runs=tmp_path.parent, warn=pytest.fail)
    tracker.begin(INFO)
    written(tracker, 1)
    later: list[Callable[[], None]] = [
        lambda: None,
        lambda: written(tracker, 3),
        lambda: written(tracker, 2, without="THA"),
    ]
    with (tmp_path / "lock").open("w") as held:
        lock(held)
        looks = []

        def sleep(_: float) -> None:
            looks.append(1)
            later.pop()()
            if len(looks) == 3:
                tracker.end("FINISHED")
                held.close()

        seen = list(follow(tmp_path, 1.0, sleep))
    assert [(done.round, done.countries, done.of, done.bytes) for done in seen] == [
        *((1, 2, 2, 1_500_000), (2, 1, 2, 1_500_000), (3, 2, 2, 1_500_000)),
    ]
    assert [done.without for done in seen] == [{}, {"THA": "no reply in time"}, {}]
    assert [done.scores["federated"] for done in seen] == pytest.approx([0.3, 0.15, 0.1])
    assert seen[0].left is None
    assert seen[-1].left == 0


def test_a_round_is_one_line_for_people_and_one_for_machines() -> None:
    done = RoundDone(
        round=2, rounds=12, countries=1, of=2, without={"THA": "late"}, loss=None, score="wis",
        scores={"federated": 0.25}, bytes=4_100_000, left=300.0,
    )  # fmt: skip
    assert line(done) == (
        "round 2/12  1 of 2 countries  wis: federated 0.250  loss not reported  4.1 MB  5 min left  without THA: late"
    )
    assert json.loads(json_line(done))["without"] == {"THA": "late"}


def test_watching_ends_with_how_the_run_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tracker = Tracker(tmp_path / "demo", TrackingSettings(name="none"), runs=tmp_path, warn=pytest.fail)
    tracker.begin(INFO)
    written(tracker, 1)
    (tmp_path / "demo" / "lock").touch()
    main(["watch", "run=demo", f"runs={tmp_path}", "quiet=true"])
    assert capsys.readouterr().out == "demo: killed\n"
    tracker.end("FINISHED")
    main(["watch", "run=demo", f"runs={tmp_path}"])
    assert capsys.readouterr().out.splitlines()[-1] == "demo: finished"
