"""What a person sees of a round: who counted, who did not and why, and the scores so far."""

from io import StringIO
from math import nan

from rich.console import Console

from federation.coordinator.state import ReplySummary, Report
from federation.reporting.rows import ALL, Row
from federation.runs.progress_bar import ProgressBar


def row(country: str, arm: str, value: float, horizon: str = ALL) -> Row:
    return Row(
        task="toy", country=country, arm=arm, score="mse", horizon=horizon, value=value, low=value, high=value, n=9
    )


def report(round_: int) -> Report:
    return Report(
        round=round_,
        rounds=3,
        summaries=[
            ReplySummary(country="LAO", examples=30, loss=2.0),
            ReplySummary(country="MYS", examples=0),
            ReplySummary(country="THA", examples=10, loss=1.0),
            ReplySummary(country="VNM", examples=99, loss=9.0, refused="VNM sends [red]too much[/red]"),
        ],
        rows=[row("ASEAN", "federated", 0.25), row("ASEAN", "local", 0.5), row("THA", "federated", 7.0)],
    )


def seen(*reports: Report) -> list[str]:
    written = StringIO()
    with ProgressBar(3, "mse", "ASEAN", Console(file=written, width=130)) as progress_bar:
        for each in reports:
            progress_bar.round(each)
    return written.getvalue().splitlines()


def test_a_round_is_a_line_with_those_who_count() -> None:
    (line,) = [line for line in seen(report(1)) if line.startswith("round 1/3")]
    assert "2 of 4 countries" in line  # one had nothing to learn from, one was refused
    assert "loss 1.7500" in line  # weighed by examples
    assert "mse: federated 0.250  local 0.500" in line


def test_who_drops_out_is_named_once_and_its_words_are_words() -> None:
    named = [line for line in seen(*map(report, (1, 2, 3))) if "VNM" in line]
    assert named == ["round 1: VNM sends [red]too much[/red]"]


def test_suppressed_scores_and_losses_are_named_so() -> None:
    quiet = Report(
        round=1, rounds=3, summaries=[ReplySummary(country="LAO", examples=30)], rows=[row("ASEAN", "federated", nan)]
    )
    (line,) = [line for line in seen(quiet) if line.startswith("round 1/3")]
    assert "1 of 1 countries  mse: suppressed  loss suppressed" in line
