"""What completing weeks that are still coming in is worth inside the windows of a model: federated log-WIS by country.

    scripts/bench weekly_known RUNS

RUNS: folder of the runs of experiment=skill/health_weekly and skill/health_weekly_known. By country, over all horizons,
means of the seeds: the model of final counts (which nobody had on time), of counts as they were on record at each
origin, and of these completed; and direct persistence from the same. Gain: of nowcast over known, federated.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from federation.reporting.rows import ALL
from federation.settings.parts import TrackingSettings
from federation.studies.finished_runs import finished_runs
from federation.studies.measures import countries, region_name, rows_by_arm
from federation.studies.seed_groups import Group, groups

COUNTS, ARMS = ("final", "known", "nowcast"), ("federated", "direct_persistence")


def main() -> None:
    (runs,) = sys.argv[1:]
    by_counts = _by_counts(groups(finished_runs(Path(runs), TrackingSettings())))
    print("| | " + " | ".join(f"{arm.replace('_', ' ')}, {counts}" for arm in ARMS for counts in COUNTS) + " | gain |")
    print("|---" * (len(ARMS) * len(COUNTS) + 2) + "|")
    first = by_counts["known"]
    for place in (*countries(first), region_name(first)):
        values = {(arm, counts): _value(by_counts[counts], place, arm) for arm in ARMS for counts in COUNTS}
        gain = 1 - values["federated", "nowcast"] / values["federated", "known"]
        print(f"| {place} | " + " | ".join(f"{value:.3f}" for value in values.values()) + f" | {gain:.1%} |")


def _by_counts(found: Sequence[Group]) -> Mapping[str, Group]:
    """Of each way the group of the same test years with most seeds; the calendar is that of the `known` one."""
    weekly = [each for each in found if each.task.name == "health_weekly" and not each.param("record_years")]
    (until,) = {each.settings.calendar.test_until for each in weekly if each.params.get("task.counts") == "known"}
    there = [each for each in weekly if each.settings.calendar.test_until == until]
    return {
        counts: max(
            (each for each in there if each.params.get("task.counts") == counts), key=lambda one: len(one.seeds)
        )
        for counts in COUNTS
    }


def _value(group: Group, place: str, arm: str) -> float:
    return rows_by_arm(group, place, group.headline, ALL)[arm].value


if __name__ == "__main__":
    main()
