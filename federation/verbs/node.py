"""`gotong node`: a country's vault and its courier in the foreground, until Ctrl-C or SIGTERM."""

from collections.abc import Sequence

from federation.composition.compose import compose
from federation.deployment.node.process import become
from federation.deployment.node.settings import NodeSettings


def run(words: Sequence[str]) -> None:
    """Serve. Raises ConfigError, or DeploymentError for keys, folders or users that cannot be used."""
    compose("node", words, NodeSettings, become)
