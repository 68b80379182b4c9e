"""Distributions of other people that offer tasks, models or strategies by entry points. Nothing is imported here."""

import json
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path

from packaging.utils import canonicalize_name

MODELS, TASKS, STRATEGIES = "gotong.models", "gotong.tasks", "gotong.strategies"
GROUPS = {MODELS: "model", TASKS: "task", STRATEGIES: "strategy"}  # in the order in which they are registered
EDITABLE = "editable"  # in the place of a digest, where the files of the record are not those that run
OF_INSTALLER = ("RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json")  # differ between two installations


@dataclass(frozen=True, kw_only=True)
class Package:
    """A distribution as it is named in plans, ledgers and terms. digest: SHA-256 of its files, or EDITABLE."""

    name: str
    version: str
    digest: str

    @property
    def stamp(self) -> str:
        """Which one it is, besides its name."""
        return f"{self.version} {self.digest}"


def installed() -> dict[str, Distribution]:
    """Canonical name -> distribution with an entry point in one of GROUPS, in alphabetical order."""
    points = entry_points()
    found = {
        canonicalize_name(point.dist.name): point.dist
        for group in GROUPS
        for point in points.select(group=group)
        if point.dist is not None
    }
    return dict(sorted(found.items()))


def points_of(distribution: Distribution) -> list[EntryPoint]:
    """Its entry points in GROUPS: models first, for tasks take keys from them."""
    return [point for group in GROUPS for point in distribution.entry_points.select(group=group)]


def offering(kind: str, name: str) -> list[str]:
    """Packages that offer a task, model or strategy of this name, whether they are used here or not."""
    groups = [group for group, each in GROUPS.items() if each == kind]
    return [
        package
        for package, distribution in installed().items()
        if any(distribution.entry_points.select(group=group, name=name) for group in groups)
    ]


def package_of(distribution: Distribution) -> Package:
    """Name, version and digest. The digest is of the files on the disk, not of what RECORD says of them."""
    return Package(
        name=canonicalize_name(distribution.name), version=distribution.version, digest=_digest(distribution)
    )


def _digest(distribution: Distribution) -> str:
    """SHA-256 over the path and the SHA-256 of every file that was installed, compiled ones left out."""
    files = distribution.files
    where = distribution.read_text("direct_url.json")
    if not files or (where and json.loads(where).get("dir_info", {}).get("editable")):
        return EDITABLE
    total = sha256()
    for file in sorted(files, key=str):
        path = Path(str(file.locate()))
        if file.suffix == ".pyc" or (file.parent.suffix == ".dist-info" and file.name in OF_INSTALLER):
            continue
        content = sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
        total.update(f"{file} {content}\n".encode())
    return total.hexdigest()
