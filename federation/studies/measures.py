"""Numbers that targets are about, from the rows of one experiment: of its countries one by one, or of its region."""

from collections.abc import Callable, Mapping, Sequence
from math import exp, inf, isfinite, log

from federation.reporting.rows import ALL, Row, difference
from federation.reporting.score_table import beats, best, is_region
from federation.studies.seed_groups import Group

OWN_ARMS = ("local", "local_adapted", "local_pair")  # what a country can do alone
Measure = Callable[[Group, str, Sequence[str], str, str, int], float]


def rows_by_arm(group: Group, country: str, score: str, horizon: str = ALL) -> dict[str, Row]:
    """arm -> row, of those that were scored."""
    return {
        row.arm: row
        for row in group.rows
        if (row.country, row.score, row.horizon) == (country, score, horizon) and isfinite(row.value)
    }


def countries(group: Group, least: int = 0) -> list[str]:
    """Codes in alphabetical order, of whom at least so many place-periods were scored, at all horizons together."""
    scored = {row.country for row in group.rows if (row.score, row.horizon) == (group.headline, ALL) and row.n >= least}
    return sorted(country for country in scored if not is_region(country))


def region_name(group: Group) -> str:
    """What the countries are called together."""
    return next(row.country for row in group.rows if is_region(row.country))


def training_countries(group: Group, least: int = 0) -> list[str]:
    """Those of the countries that train: a target about countries is about them."""
    return [country for country in countries(group, least) if "local" in rows_by_arm(group, country, group.headline)]


def strongest_baseline(group: Group, country: str) -> str | None:
    """The baseline of the best headline score in the country's validation years; None where none was scored."""
    sign = -1.0 if group.task.scores[group.headline].better == "larger" else 1.0
    scored = {
        arm: sign * group.validation[country, group.headline, arm]
        for arm in group.task.baselines
        if (country, group.headline, arm) in group.validation
    }
    return min(scored, key=lambda arm: scored[arm]) if scored else None


def value(group: Group, arm: str, against: Sequence[str], score: str, horizon: str, least: int) -> float:  # noqa: ARG001
    """The arm's score in the region."""
    return rows_by_arm(group, region_name(group), score, horizon)[arm].value


def country_mean(group: Group, arm: str, against: Sequence[str], score: str, horizon: str, least: int) -> float:  # noqa: ARG001
    """The mean of the arm's score over the countries that train, each counted once."""
    values = [rows_by_arm(group, country, score, horizon) for country in training_countries(group, least)]
    known = [rows[arm].value for rows in values if arm in rows]
    return sum(known) / len(known)


def gain(group: Group, arm: str, against: Sequence[str], score: str, horizon: str, least: int) -> float:  # noqa: ARG001
    """By which share the arm's score in the region is below the best of the others; for scores to be small."""
    rows = rows_by_arm(group, region_name(group), score, horizon)
    return 1 - rows[arm].value / min(rows[other].value for other in against if other in rows)


def geometric_mean(group: Group, arm: str, against: Sequence[str], score: str, horizon: str, least: int) -> float:
    """Over the countries, of the arm's score over the best of the others; for scores to be small."""
    ratios = list(_ratios(group, arm, against, score, horizon, training_countries(group, least)).values())
    return exp(sum(map(log, ratios)) / len(ratios))


def geometric_gain(group: Group, arm: str, against: Sequence[str], score: str, horizon: str, least: int) -> float:
    """1 less the geometric mean over the countries, against that one of the others for which it is largest."""
    return 1 - max(geometric_mean(group, arm, [other], score, horizon, least) for other in against)


def largest_ratio(group: Group, arm: str, against: Sequence[str], score: str, horizon: str, least: int) -> float:
    """Of the countries, the one where the arm is furthest behind the best of the others."""
    return max(_ratios(group, arm, against, score, horizon, training_countries(group, least)).values())


def smallest_lead(group: Group, arm: str, against: Sequence[str], score: str, horizon: str, least: int) -> float:
    """Of the countries, the smallest score of the arm less the best of the others; for scores to be large."""
    return min(_leads(group, arm, against, score, horizon, least).values())


def end_of_difference(group: Group, arm: str, against: Sequence[str], score: str, horizon: str, least: int) -> float:  # noqa: ARG001
    """Of the region's difference to the first of the others, the end of its interval that speaks most against the arm.

    Below 0 the arm is surely better; for scores to be small.
    """
    row = difference(group.paired, region_name(group), arm, against[0], horizon)
    if row is None:
        raise KeyError(f"{arm}-{against[0]}")
    return row.high


def countries_behind(group: Group, arm: str, against: Sequence[str], score: str, horizon: str, least: int) -> float:  # noqa: ARG001
    """In how many countries the arm does not beat the baseline that was strongest in the validation years."""
    better, behind = group.task.scores[score].better, 0
    for country in training_countries(group, least):
        rows, strongest = rows_by_arm(group, country, score, horizon), strongest_baseline(group, country)
        if arm in rows and strongest in rows:
            behind += not beats(rows[arm], rows[strongest], better)
    return behind


def wholly_worse(group: Group, arm: str, against: Sequence[str], score: str, horizon: str, least: int) -> float:  # noqa: ARG001
    """In how many countries that train the difference to the first of the others has an interval wholly above 0."""
    rows = [difference(group.paired, country, arm, against[0], horizon) for country in training_countries(group, least)]
    known = [row for row in rows if row is not None]
    if not known:
        raise KeyError(f"{arm}-{against[0]}")
    return sum(row.low > 0 for row in known)


def held_out_ratio(group: Group, arm: str, against: Sequence[str], score: str, horizon: str, least: int) -> float:
    """As `largest_ratio`, of the countries that never trained."""
    trained = training_countries(group, least)
    others = [country for country in countries(group, least) if country not in trained]
    return max(_ratios(group, arm, against, score, horizon, others).values())


def _ratios(
    group: Group, arm: str, against: Sequence[str], score: str, horizon: str, of: Sequence[str]
) -> Mapping[str, float]:
    """country -> the arm's score over the smallest of the others, where both were scored."""
    ratios = {}
    for country in of:
        rows = rows_by_arm(group, country, score, horizon)
        rivals = [rows[other].value for other in against if other in rows]
        if arm in rows and rivals:
            ratios[country] = rows[arm].value / min(rivals)
    return ratios


def _leads(group: Group, arm: str, against: Sequence[str], score: str, horizon: str, least: int) -> Mapping[str, float]:
    leads = {}
    for country in training_countries(group, least):
        rows = rows_by_arm(group, country, score, horizon)
        rival = best([rows[other] for other in against if other in rows], "larger")
        if arm in rows and rival is not None:
            leads[country] = rows[arm].value - rival.value
    return leads or {"": inf}


MEASURES: Mapping[str, Measure] = {
    "value": value,
    "country_mean": country_mean,
    "gain": gain,
    "geometric_mean": geometric_mean,
    "geometric_gain": geometric_gain,
    "largest_ratio": largest_ratio,
    "smallest_lead": smallest_lead,
    "countries_behind": countries_behind,
    "end_of_difference": end_of_difference,
    "wholly_worse": wholly_worse,
    "held_out_ratio": held_out_ratio,
}
