"""All pages of results: the first one, and behind it one for every task."""

from collections.abc import Container, Sequence
from pathlib import Path

from federation.studies.overview import overview
from federation.studies.seed_groups import Group
from federation.studies.targets import Target
from federation.studies.task_page import task_page
from tasks.files.atomic import write_atomically

MARK = "<!-- What stands above this line was written by a person and is kept; `gotong results` made the rest. -->"


def write(groups: Sequence[Group], targets: Sequence[Target], first: Path) -> list[Path]:
    """Write `first`, and the pages of tasks with their pictures into the folder of its name. Raises OSError."""
    folder, by_task = first.with_suffix(""), dict[str, list[Group]]()
    for group in groups:
        by_task.setdefault(group.task.name, []).append(group)
    folder.mkdir(parents=True, exist_ok=True)
    links = {f"{folder.name}/{name}.md": each for name, each in by_task.items()}
    written = [_write(first, overview(links, _others(folder, links)))]
    for name, each in by_task.items():
        path = folder / f"{name}.md"
        written.append(_write(path, f"{_kept(path, name)}{MARK}\n\n{task_page(each, targets, folder)}"))
    return written


def _others(folder: Path, links: Container[str]) -> dict[str, str]:
    """Link -> title of the folder's pages that a person wrote."""
    pages = {f"{folder.name}/{path.name}": path for path in sorted(folder.glob("*.md"))}
    return {
        link: path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        for link, path in pages.items()
        if link not in links
    }


def _kept(path: Path, name: str) -> str:
    """What a person wrote above the mark; a title where there is no page yet, or no mark in it."""
    if path.exists() and MARK in (text := path.read_text(encoding="utf-8")):
        return text.partition(MARK)[0]
    return f"# Results of task={name}\n\n"


def _write(path: Path, text: str) -> Path:
    write_atomically(path, text.encode())
    return path
