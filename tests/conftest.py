"""What tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# One thread a process: tests run side by side, and threads that share a core spend it on waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("gotong", deadline=None)  # machines that share their cores stall now and then
settings.load_profile("gotong")

# Whole deployments and killed runs: minutes each, much of it waiting. The longest first.
LONGEST = (
    "deployment/test_operate.py",
    "deployment/test_deployment.py",
    "deployment/test_machines.py",
    "deployment/test_intruders.py",
    "ends/test_flower_engine.py",
    "ends/test_resume.py",
    "ends/test_sweep.py",
)
SPACING = 80  # tests between the beginnings of long ones on different workers

PUBLIC_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests near the beginning of every worker's share (worksteal's shares follow each other), not all at once."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = sorted((item for item in items if _file(item) in LONGEST), key=lambda item: LONGEST.index(_file(item)))
    rest = [item for item in items if _file(item) not in LONGEST]
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        mine = long[worker::workers]
        share = (len(items) - len(ordered)) // (workers - worker) - len(mine)
        own, rest = rest[:share], rest[share:]
        begin = min(worker * SPACING, len(own))
        ordered += [*own[:begin], *mine, *own[begin:]]
    items[:] = ordered + rest


def _file(item: pytest.Item) -> str:
    return f"{item.path.parent.name}/{item.path.name}"


@pytest.fixture(scope="session")
def public_data() -> Path:
    """Folder of the public files that the importers read; never part of the repository."""
    folder = Path(os.environ.get("GOTONG_TEST_DATA", PUBLIC_DATA))
    if not folder.is_dir():
        pytest.skip(f"no public files at {folder}: set GOTONG_TEST_DATA to their folder")
    return folder
