"""`gotong node check`: whether a country's node would work, and what a run would send."""

from collections.abc import Sequence

from federation.composition.compose import compose
from federation.deployment.node.check import findings
from federation.deployment.node.settings import NodeSettings
from federation.errors import DeploymentError

MARKS = {True: "ok", False: "NO", None: "--"}


def run(words: Sequence[str]) -> None:
    """Print a line a fact; exit code 0 if the node would work."""
    compose("node check", words, NodeSettings, check)


def check(settings: NodeSettings) -> None:
    """Raises ConfigError, or DeploymentError naming what has to be fixed."""
    settings.check()
    wrong = []
    for finding in findings(settings):
        print(f"{MARKS[finding.good]}  {finding.what:<16} {finding.detail}")
        wrong += [finding.what] if finding.good is False else []
    if wrong:
        raise DeploymentError(f"this node would not work yet: see {', '.join(wrong)} above")
