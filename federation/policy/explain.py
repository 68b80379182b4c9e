"""Policies in words: what a country allows key by key, and the corridor in which a region can run."""

from collections.abc import Iterator, Sequence
from typing import Any

from federation.policy import templates
from federation.policy.keys import KEYS, Policy
from federation.policy.meet import deciding, meet
from federation.settings.plan import NOISED, SEALED

BEARS_ON = {  # kind of run -> keys that bear on no other
    SEALED: (
        *("required_members", "minimum_members", "threshold_share", "members_sealed_only"),
        *("repeat_start", "members_change", "worse_rounds"),
    ),
    NOISED: ("epsilon", "epsilon_per_year", "delta"),
    "explore": ("explore",),
}


def explain(policy: Policy, template: str = templates.DEFAULT) -> Iterator[str]:
    """A line a key: its value, what it means, and how it differs from a template."""
    usual = templates.values(template)
    for name, key in KEYS.items():
        value, expected = getattr(policy, name), usual[name]
        yield f"{name} = {templates.toml(value)}"
        yield f"    {key.metadata['about']}{_difference(name, value, expected, template)}"


def corridor(policies: Sequence[Policy]) -> Iterator[str]:
    """What all of these countries allow, a line a key, and who decides it where they differ."""
    common = meet(policies)
    for name in KEYS:
        who = deciding(policies, name)
        by = f"  ({', '.join(who)})" if who else ""
        yield f"{name} = {templates.toml(getattr(common, name))}{by}"


def differences(policies: Sequence[Policy], offered: Sequence[str]) -> Iterator[str]:
    """The lines of the corridor on which the countries do not agree, as far as they bear on a run that trains.

    offered: the protections of that run.
    """
    others = {name for kind, names in BEARS_ON.items() if kind not in offered for name in names}
    for line, name in zip(corridor(policies), KEYS, strict=True):
        if name not in others and deciding(policies, name):
            yield line


def _ordered(value: Any) -> Any:
    """The value; names in alphabetical order, which is that of a meet."""
    return tuple(sorted(value)) if isinstance(value, tuple) else value


def _difference(name: str, value: object, usual: object, template: str) -> str:
    own, other = _ordered(value), _ordered(usual)
    if own == other or name == "tasks":
        return ""
    stricter = KEYS[name].metadata["stricter"](own, other) == own
    return f"; {'stricter' if stricter else 'looser'} than {template}, which has {templates.toml(usual)}"
