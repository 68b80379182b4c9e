"""What a finished run leaves: files in its folder, and tables and sentences on the screen."""

from pathlib import Path

from federation.coordinator import checkpoint
from federation.coordinator.incidents import Faults
from federation.coordinator.reply_summary import WITHHELD, summaries_by_country, withholds
from federation.coordinator.state import Credit, Outcome
from federation.reporting import rows as table_rows
from federation.reporting import score_table, warning_table
from federation.runs.operational import is_fold, unlike_ends
from federation.runs.progress_bar import ProgressBar
from federation.runs.run import Run
from federation.settings.plan import is_noised
from federation.settings.schema import OPERATIONAL
from tasks.settings import UNALIGNED

PICTURE = "report.png"
CURVES, CURVES_PICTURE = "reliability.csv", "reliability.png"


def write_results(run: Run, outcome: Outcome, out: str | None = None) -> tuple[Path, ...]:
    """Write the model, the table as JSON (to `out` as well) and the pictures; returns all but the model.

    Raises OSError.
    """
    from federation.reporting import figures  # late: matplotlib takes a second, and a run that fails draws nothing

    averaged = sorted(candidate.round for candidate in outcome.progress.best)
    checkpoint.save_model(run.folder, run.federation.run, outcome.model, averaged)
    table, rows = run.folder / table_rows.RESULTS, (*outcome.rows, *outcome.paired, *outcome.excluded)
    rows += tuple(outcome.validation) if is_fold(run.settings) else ()
    table_rows.write_json(rows, table)
    if out is not None:
        table_rows.write_json(rows, Path(out))
    picture, better = run.folder / PICTURE, run.task.scores[run.headline].better
    figures.draw_scores(outcome.rows, picture, headline=run.headline, title=_title(run), better=better)
    return (table, picture, *_write_reliability(run, outcome))


def _write_reliability(run: Run, outcome: Outcome) -> tuple[Path, ...]:
    """The reliability of the first horizon's warnings, where the task has any."""
    if run.task.event is None or not outcome.curves:
        return ()
    points, picture = run.folder / CURVES, run.folder / CURVES_PICTURE
    from federation.reporting import figures

    table_rows.write_points(outcome.curves, points)
    first = run.task.horizons(run.settings.task)[0]
    title = f"Probability of {_event(run)[0]}, {first}"
    figures.draw_reliability(outcome.curves, picture, title=title, region=run.federation.region, horizon=first)
    return points, picture


def print_results(progress_bar: ProgressBar, run: Run, outcome: Outcome, incidents: Faults) -> None:
    """The tables, who gained from the federation and who did not, and who was left out when and why."""
    headline, better = run.headline, run.task.scores[run.headline].better
    flagged = incidents.flagged()
    if is_fold(run.settings):
        calendar = run.settings.task.calendar
        cuts = f"validated after {calendar.train_until}, until {calendar.validate_until}"
        title = f"{run.task.title(run.settings.task)}: {cuts}"
        progress_bar.console.print(score_table.table(outcome.validation, headline=headline, title=title, better=better))
    progress_bar.console.print(
        score_table.table(outcome.rows, headline=headline, title=_title(run), better=better, flagged=flagged)
    )
    if outcome.excluded:
        title = _title(run, excluded=True)
        progress_bar.console.print(score_table.table(outcome.excluded, headline=headline, title=title, better=better))
    if not is_noised(run.federation.plan):  # no score of another arm leaves, with which to compare
        for line in score_table.verdict(outcome.rows, headline, better, outcome.paired):
            progress_bar.say(line)
    _print_warnings(progress_bar, run, outcome)
    for line in [
        *_ends(run),
        *incidents.lines(),
        *_suppressed(run, outcome),
        *_spent(run, outcome),
        *credit_lines(outcome.credit, run.settings.credit),
    ]:
        progress_bar.say(line)


def _print_warnings(progress_bar: ProgressBar, run: Run, outcome: Outcome) -> None:
    """How good the warnings were, where the task has any."""
    if run.task.event is None:
        return
    event, prefix = _event(run)
    cost_loss, first = run.settings.task.cost_loss, run.task.horizons(run.settings.task)[0]
    sheet = warning_table.table(outcome.rows, event=event, prefix=prefix, cost_loss=cost_loss, horizon=first)
    if sheet is not None:
        progress_bar.console.print(sheet)


def _ends(run: Run) -> list[str]:
    """Sentences on the countries of an operational run whose records do not end where it trains to."""
    settings = run.settings
    if settings.purpose != OPERATIONAL:
        return []
    ends = {country: claim.end for country, claim in run.federation.declared.items() if claim.end}
    return unlike_ends(ends, settings.task.calendar.validate_until, settings.task.calendar.step)


def _suppressed(run: Run, outcome: Outcome) -> list[str]:
    """Sentences on the countries that refused the test, or withhold its headline over all horizons."""
    lines = []
    horizons = len(run.task.horizons(run.settings.task))
    for summary in summaries_by_country(outcome.summaries):
        if summary.refused:
            lines.append(summary.refused)
        if withholds(summary, run.headline, horizons):
            lines.append(f"{summary.country}: its vault withholds scores {WITHHELD}.")
    return lines


def _spent(run: Run, outcome: Outcome) -> list[str]:
    """What differential privacy cost each country, and how to read its scores."""
    plan = run.federation.plan
    if not is_noised(plan):
        return []
    known = {s.country: s.epsilon for s in summaries_by_country(outcome.summaries) if s.epsilon is not None}
    costs = ", ".join(f"{country} {epsilon:.2f}" for country, epsilon in known.items())
    cost = f"this run cost epsilon (delta {plan.privacy.delta:g}) {costs}"
    if not known:  # a sealed run, whose replies say nothing of one country
        cost = "what this run cost is in each country's own budget (gotong node budget)"
    return [
        f"Differential privacy of every place: {cost}.",
        "These scores carry noise, of which results.json has the interval; n counts places. All others stay at home.",
    ]


def credit_lines(made: Credit | None, asked: bool) -> list[str]:
    """What each country contributed, the most first; where it was asked for and cannot be said, why."""
    if made is None:
        return ["No credit: rounds before this process are not kept; start the run anew."] if asked else []
    if not made.gained:
        return ["No credit: from the first round to the last the model got no better on validation."]
    ranked = sorted(made.countries, key=lambda each: -each.shapley)
    shares = ", ".join(
        f"{each.country} {made.share(each.shapley):.0f} ± {made.share(each.error):.0f}" for each in ranked
    )
    return [
        f"Contributed, % of what the model gained on validation: {shares} "
        f"({made.models:,} models of groups of updates, {made.seconds:.0f} s)."
    ]


def _event(run: Run) -> tuple[str, str]:
    """What is warned of, labelled where the run is unaligned, and the prefix of its scores' names."""
    assert run.task.event is not None, "this task warns of something"
    event, prefix = run.task.event(run.settings.task)
    return f"{event} ({UNALIGNED})" if run.settings.task.calendar.unaligned else event, prefix


def _title(run: Run, *, excluded: bool = False) -> str:
    calendar = run.settings.task.calendar
    tested = f"excluded period: {' to '.join(calendar.excluded_period)}" if excluded else calendar.tested()
    return f"{run.task.title(run.settings.task)}: {tested}"
