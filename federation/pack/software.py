"""What runs here: Gotong's version and code, and the packages that it needs."""

from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import configs
import federation
import tasks
from federation.pack import sbom
from federation.pack.canonical import digest
from federation.pack.schema import Software

SUFFIXES = (".py", ".yaml", ".html", ".css", ".toml")


def software() -> Software:
    """Of this installation."""
    made = sbom.document(sbom.closure(sbom.ROOT))
    stable = {key: made[key] for key in ("components", "dependencies")}
    parts = [f"{part['name']} {part['version']}" for part in made["components"]]
    return Software(version=version("gotong"), code=code_digest(), sbom=digest(stable), components=parts)


def code_digest() -> str:
    """SHA-256 over names and contents of the files of Gotong's packages, in alphabetical order."""
    hashed = sha256()
    for package in (configs, federation, tasks):
        folder = Path(package.__path__[0])
        for path in sorted(each for each in folder.rglob("*") if each.suffix in SUFFIXES):
            hashed.update(f"{package.__name__}/{path.relative_to(folder).as_posix()}\n".encode())
            hashed.update(sha256(path.read_bytes()).digest())
    return hashed.hexdigest()
