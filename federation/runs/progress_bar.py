"""What a person sees while a federation trains: one line that moves, warnings above it, the table at the end."""

import logging
from math import isfinite
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from federation.coordinator.reply_summary import client_noun, mean_loss, summaries_by_country
from federation.coordinator.state import Report
from federation.reporting.rows import ALL

WIDTH = 130  # columns of a log or a pipe
NOISY = ("flwr", "mlflow", "alembic", "sqlalchemy", "ray", "urllib3", "hydra")


class ProgressBar:
    """A live progress line on a terminal; plain lines where there is none."""

    def __init__(self, rounds: int, headline: str, region: str, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = WIDTH
        self._headline, self._region = headline, region
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[said]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            expand=True,
            console=self.console,
            transient=True,
        )
        self._task = self._bar.add_task("rounds", total=rounds, said="")
        self._refused: set[str] = set()

    def __enter__(self) -> "ProgressBar":
        for name in NOISY:  # their own handlers would write through the moving line
            logging.getLogger(name).handlers.clear()
            logging.getLogger(name).setLevel(logging.ERROR)
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """One line that stays."""
        self.console.print(text, markup=False, soft_wrap=True)

    def round(self, report: Report) -> None:
        """Move the line; a country that drops out is named once."""
        for summary in summaries_by_country(report.summaries):
            if summary.refused and summary.country not in self._refused:
                self._refused.add(summary.country)
                self.say(f"round {report.round}: {summary.refused}")
        trained = [summary for summary in report.summaries if summary.counts]
        loss = mean_loss(report.summaries)
        scores = {
            row.arm: row.value
            for row in report.rows
            if (row.country, row.score, row.horizon) == (self._region, self._headline, ALL) and isfinite(row.value)
        }
        values = "  ".join(f"{arm} {value:.3f}" for arm, value in sorted(scores.items())) or "suppressed"
        there = f"{len(trained)} of {len(report.summaries)} {client_noun(report.summaries)}"
        lost = "" if any(summary.sealed for summary in report.summaries) else "  loss suppressed"
        said = f"{there}  {self._headline}: {values}{lost if loss is None else f'  loss {loss:.4f}'}"
        self._bar.update(self._task, completed=report.round, said=said)
        if not self.console.is_terminal:
            self.say(f"round {report.round}/{report.rounds}  {said}")
