"""`gotong node issue country=VNM data=records home=node task=health`: a country's forecast of the month, as a draft."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from federation.composition.compose import compose
from federation.errors import ConfigError, GotongError
from federation.issuing import release
from federation.issuing.archive import APPROVE, APPROVED, HELD, RELEASED
from federation.issuing.issue import Made, Wanted, make
from federation.issuing.remake import issue_as_of, remade
from federation.settings.checks import nearest, one_of, within
from federation.verbs.forecast import now_or_played
from federation.verbs.issues import handed_on, stands
from federation.verbs.own_packages import load_own_packages
from federation.verbs.word_checks import required
from tasks.places.countries import problem_with
from tasks.products.newest import Late
from tasks.settings import TaskSettings
from tasks.vintages.provisional import Provisional

REQUIRED, NONE = "required", "none"
EXAMPLE = "gotong node issue country=VNM data=records home=node task=health"


@dataclass  # not frozen: Hydra merges it
class IssueSettings:
    """country, data, task: whose forecast, from which records. home: of the node; the archive lies there.

    champion: a champion's file; None: what the courier brought, else the one held. delivered: where; None: in home.
    ca: the coordinator's certificate; None: ca.pem in the home. vault: the file of the country's vault; None: in home.
    to: the folder to which products go once they are approved. approval: required, or none where nobody has to look.
    as_of: YYYY-MM-DD, no new issue: the last one of that day is made again from its records and compared.
    origin, largest_age, late, provisional, today, arm, sender, cost_loss, samples, seed: as of `gotong forecast`.
    """

    task: TaskSettings
    country: str | None = None
    data: str | None = None
    home: str = "node"
    champion: str | None = None
    delivered: str | None = None
    ca: str | None = None
    vault: str | None = None
    to: str | None = None
    approval: str = REQUIRED
    as_of: str | None = None
    origin: str | None = None
    largest_age: int | None = None
    late: str = "forecast"
    provisional: str | None = None
    today: str | None = None
    arm: str | None = None
    sender: str = "gotong.invalid"
    cost_loss: float | None = None
    samples: int = 1000
    seed: int = 1


def run(words: Sequence[str]) -> None:
    """Make, archive and show the issue; hand on what was approved."""
    load_own_packages(words)
    compose("node issue", words, IssueSettings, _issue)


def _issue(settings: IssueSettings) -> None:
    task = settings.task.name
    if settings.as_of is not None:
        _again(Path(settings.home), task, settings.as_of)
        return
    wanted = _wanted(settings, task)
    stuck = _handed_on_again(wanted.home, wanted.country, task)
    made = make(wanted)
    _show(made, asks=settings.approval == REQUIRED)
    if settings.approval == NONE and made.issue.state not in (APPROVED, RELEASED, HELD):
        release.decided(made.issue, APPROVE, by=release.NOBODY, reason="")
        handed_on(made.issue, settings.to)
    elif made.issue.state == APPROVED:
        handed_on(made.issue, settings.to)
    if stuck:  # said last, after what could be done
        raise ConfigError("; ".join(stuck))


def _handed_on_again(home: Path, country: str, task: str) -> list[str]:
    """Hand on what a call that was killed had approved; why some could not be, which keeps no later month back."""
    stuck = []
    for issue in release.pending(home, country, task):
        if issue.content.settings["to"]:
            try:
                handed_on(issue, None)
            except ConfigError as error:
                stuck.append(f"issue={issue.name} is approved and not handed on: {error}")
    return stuck


def _wanted(settings: IssueSettings, task: str) -> Wanted:
    """Raises ConfigError for words that no issue can be made of."""
    country = required(settings.country, f"say whose forecast: {EXAMPLE}")
    data = required(settings.data, f"say where the national files lie: {EXAMPLE}")
    if wrong := problem_with(country):
        raise ConfigError(f"country: {wrong}")
    one_of("approval", settings.approval, (REQUIRED, NONE))
    if settings.late not in get_args(Late):
        raise ConfigError(f"late={settings.late}: {nearest(settings.late, get_args(Late))}")
    if settings.provisional is not None:
        one_of("provisional", settings.provisional, get_args(Provisional))
    within("samples", settings.samples, 1, 10_000)
    within("seed", settings.seed, 0, 2**31 - 1)
    if settings.cost_loss is not None:
        within("cost_loss", settings.cost_loss, 0, 1, above=True)
    if settings.largest_age is not None:
        within("largest_age", settings.largest_age, 0, 1200)
    paths = {
        key: None if (value := getattr(settings, key)) is None else Path(value)
        for key in ("champion", "delivered", "ca", "vault", "to")
    }
    return Wanted(
        home=Path(settings.home),
        country=country,
        task=task,
        data=Path(data),
        sent=now_or_played(settings.today),
        played=settings.today is not None,
        late=cast(Late, settings.late),
        provisional=cast(Provisional | None, settings.provisional),
        made_before=None,
        origin=settings.origin,
        largest_age=settings.largest_age,
        arm=settings.arm,
        sender=settings.sender,
        cost_loss=settings.cost_loss,
        samples=settings.samples,
        seed=settings.seed,
        **paths,
    )


def _show(made: Made, *, asks: bool) -> None:
    content = made.issue.content
    for line in (*made.said, *content.said):
        print(line)
    if content.replaces:
        print(f"its alert replaces {content.replaces}")
    if not made.new:
        print("nothing has changed since it was made")
    print(stands(made.issue))
    print(f"  {made.issue.folder}")
    if asks and made.issue.state not in (APPROVED, RELEASED):
        print(f"  look at it, then: gotong node approve issue={made.issue.name} by=NAME, or node hold, node annotate")


def _again(home: Path, task: str, day: str) -> None:
    """Raises GotongError where what is made again is not what was issued."""
    issue = issue_as_of(home, task, day)
    again = remade(issue)
    if not again.differ and again.largest == 0:
        print(f"issue {issue.name}, made again from its records and model: the same, bit by bit")
        return
    why = "" if again.same_code else f"; the code is another one than that of {issue.content.settings['software']}"
    raise GotongError(
        f"issue {issue.name}, made again, differs by {again.largest:.2g} of a value at most, in "
        f"{', '.join(again.differ) or 'the forecast alone'}{why}"
    )
