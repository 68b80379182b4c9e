"""A country's policy file, read from that country's own disk, never from a run."""

import logging
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from federation.errors import PolicyRefusal
from federation.packages.installed import offering
from federation.packages.load import load_named, loaded
from federation.policy import templates
from federation.policy.keys import Policy, checked
from federation.settings.checks import nearest
from tasks.files.atomic import write_atomically
from tasks.registry import TASKS

FILE = "policy.toml"
ROSTER = "roster.txt"
ACCEPTED = "accepted_models.txt"  # in the same folder: digests of first weights that the operator accepted
RETIRED = "bundles"  # of 0.1.0: programs that Flower's SuperNode might run at the node; a courier runs none

log = logging.getLogger(__name__)


def open_policy(folder: Path, country: str) -> Policy:
    """The policy in a simulated country's folder; where it has none, one that serves every installed task.

    A node never calls this: a country that wrote no policy has agreed to nothing. Raises PolicyRefusal as `read_policy`
    does.
    """
    path = folder / FILE
    if path.exists():
        return read_policy(folder, country)
    return replace(templates.policy("open", country, path), packages=tuple(sorted(loaded())))


def read_policy(folder: Path, country: str) -> Policy:
    """The policy in a country's folder; keys that are left out have the values of its `template`, or of `guarded`.

    The packages that it names are loaded first, and no others.

    Raises PolicyRefusal if it is missing or cannot be understood: a vault that is in doubt serves nothing.
    """
    path = folder / FILE
    try:
        values = _without_retired(tomllib.loads(path.read_text(encoding="utf-8")), path)
        template = values.pop("template", templates.DEFAULT)
        if not isinstance(template, str) or template not in templates.TEMPLATES:
            raise ValueError(f"template = {template!r} is none of {', '.join(templates.TEMPLATES)}")
        chosen = checked(values)
        load_named(chosen.get("packages", ()))
        if "tasks" not in chosen:
            raise ValueError(f"tasks is missing; add tasks = {templates.toml(list(TASKS))}, or fewer of them")
        for key, known in templates.INSTALLED.items():
            for name in chosen.get(key, ()):
                if name not in known:
                    raise ValueError(_unknown(key, name, known))
        return Policy(country=country, path=path, **(templates.values(template) | chosen))
    except (ValueError, OSError) as error:  # no TOML and no UTF-8 are ValueErrors too
        raise PolicyRefusal(f"{path}: {error}; {country} refuses all requests until it is fixed") from None


def _unknown(key: str, name: str, known: Iterable[str]) -> str:
    """Why a task or model of a policy is none, and what to do: misspelt, or of a package that it does not name."""
    if owners := offering(key.removesuffix("s"), name):
        return f"{key}: {name!r} is of the package {owners[0]}; add {owners[0]!r} to `packages`"
    return f"{key}: {name!r} is not installed here; {nearest(name, known)}"


def policy_at(path: str, country: str | None = None) -> Policy:
    """The policy in a file of any node. country: whose; none: the name of the file's folder. Raises PolicyRefusal."""
    file = Path(path).absolute()
    if file.is_dir():
        file = file / FILE
    if file.name != FILE:
        raise PolicyRefusal(f"policy={path} must be a file named {FILE}, or its folder")
    return read_policy(file.parent, country or file.parent.name)


def accept(policy: Policy, digest: str, note: str) -> Path:
    """Add a digest to those of accepted first weights; returns the file, which a person may edit."""
    path = policy.path.parent / ACCEPTED
    known = path.read_text(encoding="utf-8") if path.exists() else "# SHA-256 of first weights, then a note\n"
    if digest not in accepted_models(policy):
        write_atomically(path, f"{known}{digest}  {' '.join(note.split())}\n".encode())
    return path


def accepted_models(policy: Policy) -> frozenset[str]:
    """Digests of first weights that the operator accepted. Raises PolicyRefusal for a file that cannot be read."""
    path = policy.path.parent / ACCEPTED
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    except (ValueError, OSError) as error:
        raise PolicyRefusal(f"{path}: {error}; {policy.country} accepts no model until it is fixed") from None
    return frozenset(line.split()[0] for line in lines if line.strip() and not line.startswith("#"))


def accept_member(policy: Policy, country: str, fingerprint: str) -> Path:
    """Put a member's key on the roster, in the place of one before; returns the file."""
    path = policy.path.parent / ROSTER
    known = {**read_roster(policy), country: fingerprint}
    lines = [f"{name}  {known[name]}" for name in sorted(known)]
    write_atomically(
        path, ("# Members of sealed runs, and the fingerprint of each vault's key\n" + "\n".join(lines) + "\n").encode()
    )
    return path


def read_roster(policy: Policy) -> dict[str, str]:
    """Country -> fingerprint of the key of its vault, as the operator accepted them.

    Raises PolicyRefusal for a file that cannot be read.
    """
    path = policy.path.parent / ROSTER
    try:
        return roster_in(path) if path.exists() else {}
    except (ValueError, OSError) as error:
        raise PolicyRefusal(
            f"{path}: {error}; {policy.country} takes part in no sealed run until it is fixed: a line holds a country "
            f"and a fingerprint"
        ) from None


def roster_in(path: Path) -> dict[str, str]:
    """The same of any file of this form. Raises ValueError or OSError."""
    roster = {}
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        if line.strip() and not line.startswith("#"):
            country, fingerprint = line.split()
            roster[country] = fingerprint
    return roster


def _without_retired(values: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The values without a key of an earlier version, of which nothing is lost where it is empty. Raises ValueError."""
    if values.get(RETIRED):
        raise ValueError(
            f"`{RETIRED}` lists programs for Flower's SuperNode, which is no longer served; delete the line and start "
            f"a courier (`gotong node`)"
        )
    if RETIRED in values:
        log.warning("%s: `%s` is ignored, a node runs no shipped program; delete the line", path, RETIRED)
    return {key: value for key, value in values.items() if key != RETIRED}
