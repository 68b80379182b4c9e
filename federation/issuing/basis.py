"""What an archived issue rests on: its task's settings, and the records as the forecast took them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from federation.composition.restore import restore
from federation.errors import ArchiveError, WireError
from federation.issuing.archive import CHAMPIONS, ISSUES, Issue
from federation.issuing.champion_file import opened
from federation.issuing.files import kept
from federation.issuing.vintages import before, complete, read
from federation.settings.schema import Settings
from federation.wire.frame import decode
from tasks.data import Panel
from tasks.settings import TaskSettings
from tasks.task import Task
from tasks.vintages.delay import Vintage
from tasks.vintages.provisional import settled


def settings_of(issue: Issue) -> TaskSettings:
    """The task's settings of the model that made an issue. Raises ArchiveError, ChampionError or ConfigError."""
    digest = issue.content.digests["champion"]
    file = opened(kept(issue.home / ISSUES / CHAMPIONS, digest, "the champion"))
    try:
        values: Mapping[str, object] = decode(file.frame).header["settings"]
    except WireError as error:
        raise ArchiveError(f"the champion {digest} was written by Gotong {file.champion.software}: {error}") from None
    return restore(Settings, values, f"champion {digest[:12]}", models=False).task


@dataclass(frozen=True, kw_only=True)
class Bases:
    """Of all issues of a country and task; files are read once. archived: its issues, by time."""

    task: Task
    archived: Sequence[Issue]
    settings: dict[str, TaskSettings] = field(default_factory=dict)
    panels: dict[str, Panel] = field(default_factory=dict)

    def of(self, issue: Issue) -> tuple[TaskSettings, Panel]:
        """Settings, and the records as the forecast took them: until its month, young counts completed or left out."""
        settings = self.settings_of(issue)
        panel = self.panel_of(issue)
        if not self.task.accrues:
            return settings, panel
        content = issue.content
        earlier = before(
            self.archived,
            sent=datetime.fromisoformat(content.sent),
            made_at=datetime.fromisoformat(content.made_at),
            played=bool(content.settings["played"]),
        )
        known = complete(content.sent)
        way = content.settings.get("provisional")
        return settings, settled(panel, [self.vintage_of(each) for each in earlier], known, way).panel

    def settings_of(self, issue: Issue) -> TaskSettings:
        """As of `settings_of`."""
        digest = issue.content.digests["champion"]
        if digest not in self.settings:
            self.settings[digest] = settings_of(issue)
        return self.settings[digest]

    def panel_of(self, issue: Issue) -> Panel:
        """The archived records of an issue, until the month that it was made after."""
        if issue.digest not in self.panels:
            until = np.datetime64(issue.content.as_of)
            self.panels[issue.digest] = read(self.task, issue, self.settings_of(issue), until)
        return self.panels[issue.digest]

    def vintage_of(self, issue: Issue) -> Vintage:
        """Its records as they were known."""
        return Vintage(known=complete(issue.content.sent), panel=self.panel_of(issue))
