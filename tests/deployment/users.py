"""Other users of this machine, and a Python that they may run although it lies where only root may look."""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from os import geteuid
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PASS = 0o001  # others may pass through a folder


def reachable(scratch: Path) -> tuple[str, ...]:
    """What a command is started with, so that other users can run this Python: a mount namespace of its own, in which
    nothing but that opens to them. Skips the test where that is not possible."""
    if geteuid() != 0 or shutil.which("setpriv") is None or shutil.which("unshare") is None:
        pytest.skip("only root, with setpriv and unshare of util-linux, can act as several users")
    prefix = ("unshare", "--mount", "--propagation", "private", "sh", "-euc", _script(scratch), "sh")
    done = subprocess.run(
        [*prefix, *become("nobody"), sys.executable, "-c", "import flwr, federation, tasks"],
        capture_output=True,
        text=True,
        cwd="/",
    )
    if done.returncode != 0:
        pytest.skip(f"other users of this machine cannot run this Python: {done.stderr[-300:]}")
    return prefix


def become(user: str) -> tuple[str, ...]:
    """What a command is started with to run as another user and its own group alone."""
    group = subprocess.run(["id", "-gn", user], capture_output=True, text=True, check=True).stdout.strip()
    return ("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups")


def _script(scratch: Path) -> str:
    """Lay an empty folder over each that bars the way, and what is needed back into it."""
    needed = _outermost(Path(place).resolve() for place in (sys.base_prefix, sys.prefix, str(ROOT), *sys.path) if place)
    barred = {path: bar for path in needed if (bar := _bar(path)) is not None}
    lines = []
    for number, path in enumerate(barred):
        stage = scratch / f"stage-{number}"
        stage.mkdir(exist_ok=True)
        lines.append(f'mount --bind "{path}" "{stage}"')
    lines += [f'mount -t tmpfs -o mode=755 none "{bar}"' for bar in _outermost(barred.values())]
    lines += [
        f'mkdir -p "{path}"; mount --bind "{scratch / f"stage-{number}"}" "{path}"'
        for number, path in enumerate(barred)
    ]
    return "\n".join([*lines, 'exec "$@"'])


def _outermost(paths: Iterable[Path]) -> list[Path]:
    folders = {path for path in paths if path.is_dir()}
    return sorted(path for path in folders if not folders & set(path.parents))


def _bar(path: Path) -> Path | None:
    """The first folder above that others may not pass."""
    return next((each for each in reversed(path.parents) if not each.stat().st_mode & PASS), None)
