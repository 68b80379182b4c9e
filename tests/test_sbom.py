"""The list of parts has every package that the program needs, each once, and says what needs what."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_requirement_is_a_part_and_every_reference_leads_to_one(tmp_path: Path) -> None:
    to = tmp_path / "sbom.json"
    subprocess.run([sys.executable, "-m", "federation.pack.sbom", to], check=True, timeout=120, cwd=ROOT)
    made = json.loads(to.read_text())
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    parts = {part["name"]: part for part in made["components"]}
    assert len(parts) == len(made["components"]) > 60
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=\[;]", each)[0] for each in project["dependencies"]}
    assert wanted <= set(parts)
    assert not {"pytest", "ruff", "mypy"} & set(parts)
    own = made["metadata"]["component"]
    refs = {part["bom-ref"] for part in [own, *made["components"]]}
    needs = {each["ref"]: set(each["dependsOn"]) for each in made["dependencies"]}
    assert set(needs) == refs
    assert all(each <= refs for each in needs.values())
    assert {parts[name]["bom-ref"] for name in wanted} <= needs[own["bom-ref"]]
    assert sum(bool(part["licenses"]) for part in parts.values()) > len(parts) * 0.8
    assert all(part["purl"] == f"pkg:pypi/{name}@{part['version']}" for name, part in parts.items())
