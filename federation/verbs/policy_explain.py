"""`gotong policy explain policy=FILE`: a policy in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from federation.composition.compose import compose
from federation.policy import templates
from federation.policy.explain import explain
from federation.policy.file import policy_at
from federation.settings.checks import one_of
from federation.verbs.word_checks import required


@dataclass  # not frozen: Hydra merges it
class ExplainSettings:
    """policy: the file. template: what it is compared with."""

    policy: str | None = None
    template: str = templates.DEFAULT


def run(words: Sequence[str]) -> None:
    """Print two lines a key."""
    compose("policy explain", words, ExplainSettings, _explain)


def _explain(settings: ExplainSettings) -> None:
    one_of("template", settings.template, tuple(templates.TEMPLATES))
    policy = policy_at(required(settings.policy, "say which: gotong policy explain policy=FILE"))
    for line in explain(policy, settings.template):
        print(line)
