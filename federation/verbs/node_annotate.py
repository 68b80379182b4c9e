"""`gotong node annotate issue=TASK/ORIGIN/N by=NAME reason="..."`: a note that goes with the products of an issue."""

from collections.abc import Sequence

from federation.composition.compose import compose
from federation.issuing.archive import ANNOTATE
from federation.verbs.issues import TEXTS, DecisionSettings, decide
from federation.verbs.word_checks import quoted


def run(words: Sequence[str]) -> None:
    """Note it."""
    compose("node annotate", quoted(words, *TEXTS), DecisionSettings, _annotate)


def _annotate(settings: DecisionSettings) -> None:
    decide(settings, ANNOTATE)
