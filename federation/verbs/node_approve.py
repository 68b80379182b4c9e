"""`gotong node approve issue=TASK/ORIGIN/N by=NAME`: an issue is handed on."""

from collections.abc import Sequence

from federation.composition.compose import compose
from federation.issuing.archive import APPROVE
from federation.verbs.issues import TEXTS, ApprovalSettings, decide, handed_on
from federation.verbs.word_checks import quoted


def run(words: Sequence[str]) -> None:
    """Note who approves, copy the products to their folder, and print where they are."""
    compose("node approve", quoted(words, *TEXTS), ApprovalSettings, _approve)


def _approve(settings: ApprovalSettings) -> None:
    handed_on(decide(settings, APPROVE), settings.to)
