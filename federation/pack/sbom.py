"""`scripts/sbom [FILE]`: what an installation of Gotong consists of, as a CycloneDX 1.6 document (JSON).

The packages that Gotong needs at run time, and all that these need, as they are installed in this environment; nothing
of tests or checks, and nothing is asked of a registry. https://cyclonedx.org/docs/1.6/json/
"""

import json
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "gotong"


def main() -> None:
    """Write the document, or print it."""
    text = json.dumps(document(closure(ROOT)), indent=1) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text)
    else:
        sys.stdout.write(text)


def closure(root: str) -> dict[str, Distribution]:
    """Canonical name -> the installed package, of the root and all that it needs here."""
    found: dict[str, Distribution] = {}
    left, seen = [(root, frozenset[str]())], set[tuple[str, frozenset[str]]]()
    while left:
        name, extras = left.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform
        left += _needs(found[name], extras)
    return found


def document(packages: Mapping[str, Distribution]) -> dict[str, Any]:
    """The document; its serial number follows from what is in it."""
    components = [_component(name, packages[name]) for name in sorted(packages) if name != ROOT]
    own = _component(ROOT, packages[ROOT]) | {"type": "application"}
    needs = {name: {each for each, _ in _needs(package, frozenset())} for name, package in packages.items()}
    content = json.dumps([own, components])
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {"timestamp": datetime.now(UTC).isoformat(timespec="seconds"), "component": own},
        "components": components,
        "dependencies": [
            {"ref": _ref(name, packages[name]), "dependsOn": _refs(needs[name], packages)} for name in sorted(packages)
        ],
    }


def _needs(package: Distribution, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    """Names and extras of what a package needs here."""
    needed: list[tuple[str, frozenset[str]]] = []
    for text in package.requires or ():
        requirement = Requirement(text)
        environments = [{"extra": extra} for extra in (*extras, "")]
        if requirement.marker is None or any(requirement.marker.evaluate(each) for each in environments):
            needed.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return needed


def _component(name: str, package: Distribution) -> dict[str, Any]:
    metadata = package.metadata.json
    licence = metadata.get("license_expression")
    named = licence or str(metadata.get("license") or "").partition("\n")[0][:100]
    licences = [{"expression": licence}] if licence else [{"license": {"name": named}}] if named else []
    return {
        "type": "library",
        "bom-ref": _ref(name, package),
        "name": name,
        "version": package.version,
        "purl": _ref(name, package),
        "licenses": licences,
    }


def _ref(name: str, package: Distribution) -> str:
    return f"pkg:pypi/{name}@{package.version}"


def _refs(names: set[str], packages: Mapping[str, Distribution]) -> list[str]:
    return [_ref(name, packages[name]) for name in sorted(names) if name in packages]


if __name__ == "__main__":
    main()
