"""When an operational run ends: the last period that most countries report, and is over."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from federation.errors import ConfigError
from federation.policy.file import FILE
from federation.runs import folder as run_folder
from federation.runs import simulation
from federation.runs.operational import resolved, unlike_ends
from federation.runs.run import saved
from tasks.errors import DataError
from tasks.settings import Calendar
from tests.federation.federations import ready, records_in, run, settings_of
from tests.federation.runs.fold_and_refit import TWO, operational
from tests.federation.toy import TOY, ToySettings

pytestmark = pytest.mark.usefixtures("toy")


ENDS = {"KHM": "2008-12", "LAO": "2010-03", "THA": "2010-06", "VNM": "2011-01"}


@pytest.mark.parametrize(
    ("ends", "latest"),
    [
        (ENDS, "2010-03"),  # three of four
        ({**ENDS, "MYS": "2001-01"}, "2010-03"),  # three of five
        ({"LAO": "2010-03", "THA": "2009-06"}, "2009-06"),  # half are not most
        ({"LAO": "2010-03"}, "2010-03"),
    ],
)
def test_latest_is_the_last_month_that_more_than_half_report(ends: dict[str, str], latest: str, tmp_path: Path) -> None:
    settings = resolved(settings_of(tmp_path, purpose="operational"), ends)
    assert settings.until == latest
    last = np.datetime64(latest, "M")
    assert settings.task.calendar.cuts() == (last - 24, last, last + 24)
    assert resolved(settings, {}) == settings  # once it is known, nobody is asked again


def test_a_study_whose_calendar_is_asked_for_is_the_one_with_these_cuts(tmp_path: Path) -> None:
    asked, named = (tmp_path / name for name in ("asked", "named"))
    early = ToySettings(calendar=Calendar(train_until="1984-12", validate_until="1985-12", test_until="1987-06"))
    cuts = Calendar(train_until="2006-06", validate_until="2007-06", test_until="2008-12")
    found = ready(settings_of(asked, TWO, task=early, calendar="auto"))
    other = ready(settings_of(named, TWO, task=ToySettings(calendar=cuts)))
    assert saved(asked / "runs" / "run")[0].task.calendar == cuts == found.run.federation.plan.task.calendar
    assert "calendar=auto: trained to 2006-06, validated to 2007-06, tested to 2008-12" in found.run.notes
    one, same = run(found), run(other)
    assert one.outcome.rows == same.outcome.rows
    with pytest.raises(ConfigError, match=r"calendar=auto does not go with task\.calendar\.unaligned"):
        settings_of(asked, TWO, task=ToySettings(calendar=replace(cuts, unaligned=True)), calendar="auto").check()
    with pytest.raises(
        DataError, match=r"1984-12; on record are THA 1999-01 to 2008-12.* these fit: .*train_until=2006"
    ):
        ready(settings_of(tmp_path / "set", TWO, task=early, data=str(records_in(tmp_path / "d", TWO, ToySettings()))))


def test_a_month_that_is_not_over_is_never_the_latest(tmp_path: Path) -> None:
    """Half of its cases are counted. A harvest is on record before its December, too."""
    now = np.datetime64("now").astype("datetime64[M]")
    december = f"{now.astype('datetime64[Y]')}-12"
    for ends in ({"LAO": str(now), "VNM": str(now)}, {"LAO": december, "VNM": december}):
        assert resolved(settings_of(tmp_path, purpose="operational"), ends).until == str(now - 1)
    with pytest.raises(ConfigError, match="is not over"):
        resolved(settings_of(tmp_path, purpose="operational", until=str(now)), {})


@pytest.mark.parametrize(
    ("until", "ends", "words"),
    [
        ("2999-01", ENDS, "until=2999-01, which lies ahead"),
        (None, {"LAO": "2999-01"}, "the records of LAO end in 2999-01, which lies ahead"),
        ("latest", {}, "no country says when its records end"),
        ("last June", ENDS, "until=last June: .*YYYY-MM"),
    ],
)
def test_a_month_that_nobody_can_have_is_refused(
    until: str | None, ends: dict[str, str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words):
        resolved(settings_of(tmp_path, purpose="operational", until=until), ends)


def test_countries_with_unlike_ends_take_part_and_are_named(tmp_path: Path) -> None:
    settings = operational(tmp_path, until="latest")
    changed_file = Path(str(settings.data)) / "THA" / TOY.file
    kept = [line for line in changed_file.read_text().splitlines() if "," not in line or line.split(",")[1] < "2008-04"]
    head = "place,month,push,target"
    changed_file.write_text("\n".join([head, *(line for line in kept if line != head)]) + "\n")
    simulation.prepare(replace(settings, name="seen"), run_folder.create(replace(settings, name="seen")))
    began_with, _, countries = saved(Path(settings.runs) / "seen")
    assert (began_with.until, countries) == ("2008-03", list(TWO))
    (changed_file.parent / FILE).write_text('template = "open"\ntasks = ["toy"]\nrecords_end = false')
    simulation.prepare(replace(settings, name="kept"), run_folder.create(replace(settings, name="kept")))
    assert saved(Path(settings.runs) / "kept")[0].until == "2008-12"
    assert unlike_ends({"THA": "2008-03", "VNM": "2008-12"}, "2008-03", "month") == [
        "Records that go on after 2008-03 are not trained on from there: VNM in 2008-12."
    ]
