"""A package of other people, installed beside this project and never into its environment: no index, no network."""

import shutil
import tomllib
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

RICE = Path(__file__).parents[3] / "docs" / "examples" / "rice"


def install(source: Path, to: Path) -> Path:
    """What a wheel of pure Python unpacks: the packages, and a .dist-info with the entry points and a record."""
    project = tomllib.loads((source / "pyproject.toml").read_text())
    name, version = project["project"]["name"], project["project"]["version"]
    info = to / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    for package in project["tool"]["setuptools"]["packages"]:
        shutil.copytree(source / package, to / package, ignore=shutil.ignore_patterns("__pycache__"))
    points = project["project"].get("entry-points", {})
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in own.items()) for group, own in points.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    files = sorted(path for path in to.rglob("*") if path.is_file())
    (info / "RECORD").write_text("".join(f"{path.relative_to(to)},sha256={_hash(path)},\n" for path in files))
    return to


def written(folder: Path, name: str, module: str, points: dict[str, dict[str, str]], version: str = "1.0") -> Path:
    """The source of a package of one module. points: group -> name -> object in the module."""
    import_name = name.replace("-", "_")
    (folder / import_name).mkdir(parents=True)
    (folder / import_name / "__init__.py").write_text(module)
    groups = "".join(
        f'[project.entry-points."{group}"]\n'
        + "".join(f'{key} = "{import_name}:{value}"\n' for key, value in own.items())
        for group, own in points.items()
    )
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "{version}"\n{groups}[tool.setuptools]\npackages = ["{import_name}"]\n'
    )
    return folder


def _hash(path: Path) -> str:
    return urlsafe_b64encode(sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
