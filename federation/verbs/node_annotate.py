"""`gotong node annotate issue=TASK/ORIGIN/N by=NAME reason="..."`: a note that goes with the products of an issue."""

from collections.abc import Sequence

from federation.composition.compose import compose
from federation.issuing.archive import ANNOTATE
from federation.verbs.issues import DecisionSettings, decide


def run(words: Sequence[str]) -> None:
    """Note it."""
    compose("node annotate", words, DecisionSettings, _annotate)


def _annotate(settings: DecisionSettings) -> None:
    decide(settings, ANNOTATE)
