"""`gotong node hold issue=TASK/ORIGIN/N by=NAME reason="..."`: an issue is kept back until somebody approves it."""

from collections.abc import Sequence

from federation.composition.compose import compose
from federation.issuing.archive import HOLD
from federation.verbs.issues import TEXTS, DecisionSettings, decide
from federation.verbs.word_checks import quoted


def run(words: Sequence[str]) -> None:
    """Note who holds it, and why."""
    compose("node hold", quoted(words, *TEXTS), DecisionSettings, _hold)


def _hold(settings: DecisionSettings) -> None:
    decide(settings, HOLD)
