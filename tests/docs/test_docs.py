"""The documentation does what it says: snippets and notebooks run, links lead somewhere, the site builds."""

import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import matplotlib as mpl
import pytest

from federation.packages.load import ORIGIN
from tasks.models.choice import MODELS
from tasks.registry import TASKS
from tests.docs.pages import DOCS, LINK, blocks, cells, commands, run_notebook, run_page, said
from tests.whole import IN_FULL

ROOT = DOCS.parent
RUN = ("tutorial", "python", "task", "model", "strategy", "policy")  # pages whose snippets are run as they stand
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
LONGEST = 180.0  # seconds of a notebook
in_full = pytest.mark.skipif(not IN_FULL, reason="minutes: scripts/prove docs")


def test_the_readme_is_short_and_links_lead_somewhere() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120
    for page in (ROOT / "README.md", ROOT / "SECURITY.md", *DOCS.rglob("*.md")):
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            assert "://" in link or (page.parent / link).exists(), f"{page.name}: {link} leads nowhere"


def test_snippets_and_notebooks_can_be_read() -> None:
    assert len(NOTEBOOKS) == 4
    for notebook in NOTEBOOKS:
        for cell in cells(notebook):
            compile(cell, notebook.name, "exec")
    for name in RUN:
        found = blocks(DOCS / f"{name}.md")
        assert found, name
        for language, text in found:
            if language == "python":
                compile(text, name, "exec")
            elif language == "console":
                assert list(commands(text)), f"{name}: {text}"


def test_a_page_that_shows_other_numbers_is_seen() -> None:
    printed = ["round 1/2  0.511", "round 2/2  0.303", "ASEAN: 0.30", "15 s, 582 MiB at most"]
    assert said([*printed[:3], "7 s, 99 MiB at most"], printed) is None
    assert said(["round 1/2  0.511", "...", "ASEAN: 0.30", "..."], printed) is None
    assert said(["...", "ASEAN: 0.31", "..."], printed) == "ASEAN: 0.31"
    assert said(["...", "ASEAN: 0.30"], printed) == "# s, # MiB at most"
    assert said(["round 1/2  0.511", "ASEAN: 0.30", "..."], printed) == "ASEAN: 0.30"


@in_full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", RUN)
def test_the_snippets_of_a_page(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    registries = [dict(each) for each in (TASKS, MODELS, ORIGIN)]
    try:
        assert run_page(DOCS / f"{name}.md")
    finally:
        for registry, before in zip((TASKS, MODELS, ORIGIN), registries, strict=True):
            registry.clear()  # type: ignore[attr-defined]
            registry.update(before)  # type: ignore[attr-defined]


@in_full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    began = time.monotonic()
    run_notebook(notebook)
    assert time.monotonic() - began < LONGEST


@in_full
@pytest.mark.timeout(600)
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="pip install 'gotong[docs]'")
def test_the_site_builds_without_a_warning_and_asks_for_no_font(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 25
    assert not [page for page in pages if "fonts.googleapis" in page.read_text(encoding="utf-8")]
    assert "check_package" in (tmp_path / "site" / "api" / "index.html").read_text(encoding="utf-8")
