"""Tables after the main experiments: countries held out, short records, other settings, trials."""

from collections.abc import Sequence

from federation.reporting import score_table
from federation.studies.markdown import better_direction, heading, interval, readable, table
from federation.studies.measures import region_name, rows_by_arm, strongest_baseline
from federation.studies.seed_groups import Group

TRIALS = ("choice-", "search-")  # how the name of an experiment begins in which recipes were tried


def cold_start(groups: Sequence[Group]) -> str:
    """Countries that were held out, against the baseline that was strongest in their validation years."""
    lines = []
    for group in groups:
        for country in codes(group.param("hold_out")):
            rows = rows_by_arm(group, country, group.headline)
            # Without validation years on record the strongest of the test, which is the harder one to beat.
            rivals = [rows[arm] for arm in group.task.baselines if arm in rows]
            base = rows.get(str(strongest_baseline(group, country))) or score_table.best(
                rivals, better_direction(group)
            )
            federated = rows.get("federated")
            if federated is not None and base is not None:
                beaten = "yes" if score_table.beats(federated, base, better_direction(group)) else "no"
                cells = (interval(federated), interval(rows.get("adapted")), readable(base.arm), interval(base))
                lines.append((group.title, country, *cells, beaten, f"{federated.n:,}", str(len(group.seeds))))
    if not lines:
        return ""
    head = ("", "never trained on", "federated", "adapted", "strongest baseline", "its score", "beaten", "n", "seeds")
    return "## Cold start\n\nThe model of the other countries, on a country that it never saw.\n\n" + table(head, lines)


def short_records(groups: Sequence[Group]) -> str:
    """Scores of a country with few years of records of its own, by itself and in the federation."""
    lines = []
    for group in groups:
        years = group.param("record_years")
        places = codes(group.param("record_of")) or [region_name(group)]
        for place in places if years else ():
            rows = rows_by_arm(group, place, group.headline)
            cells = (interval(rows.get(arm)) for arm in ("local", "federated", "local_adapted", "adapted"))
            lines.append((group.title, place, years, *cells))
    if not lines:
        return ""
    head = ("", "whose record is short", "years", "local", "federated", "local adapted", "adapted")
    return "## With a short record\n\n" + table(head, sorted(lines, key=lambda one: (one[0], one[1], int(one[2]))))


def ablations(groups: Sequence[Group], mains: Sequence[Group]) -> str:
    """The same forecasts with something changed."""
    lines = []
    for group in groups:
        main = next((each for each in mains if heading(each) == heading(group)), None)
        if main is None or group.param("hold_out") or group.param("record_years"):
            continue
        changed = [f"{name}={group.params.get(name)}" for name in sorted(group.params) if _differs(name, group, main)]
        rows = rows_by_arm(group, region_name(group), group.headline)
        cells = (interval(rows.get(arm)) for arm in ("local", "federated", "adapted"))
        lines.append((group.title, ", ".join(changed), *cells, str(len(group.seeds))))
    if not lines:
        return ""
    return "## Other settings\n\n" + table(("", "changed", "local", "federated", "adapted", "seeds"), lines)


def trials(groups: Sequence[Group], mains: Sequence[Group]) -> str:
    """What recipes were chosen by: the same in years before the test, which took no part in it."""
    lines = []
    for group in groups:
        main = next((each for each in mains if each.title == group.title), group)
        names = (name for name in sorted(group.params) if _differs(name, group, main) and "calendar" not in name)
        changed = ", ".join(f"{name}={group.params.get(name)}" for name in names)
        rows = rows_by_arm(group, region_name(group), group.headline)
        cells = (interval(rows.get(arm)) for arm in ("local", "local_adapted", "federated", "adapted"))
        lines.append((heading(group), changed or "the recipe", *cells))
    if not lines:
        return ""
    head = ("", "changed", "local", "local adapted", "federated", "adapted")
    return f"## Trials before the test\n\nOf the region; experiments {'* and '.join(TRIALS)}*.\n\n" + table(head, lines)


def is_trial(group: Group) -> bool:
    """Whether an experiment chose a recipe, and shows no result."""
    return group.experiment.startswith(TRIALS)


def codes(words: str) -> list[str]:
    """The codes in a list as MLflow keeps it, such as "['LAO', 'KHM']"."""
    return [word.strip(" '") for word in words.strip("[]").split(",") if word.strip()]


def _differs(name: str, group: Group, main: Group) -> bool:
    """A key that one of them did not have yet is no difference."""
    return name != "arms" and group.params[name] != main.params.get(name, group.params[name])
