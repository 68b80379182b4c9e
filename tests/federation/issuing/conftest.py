"""One small run, from which all champions of these tests are."""

from pathlib import Path

import pytest

from federation.cli import main
from federation.deployment import certificates

SMALL = ("tracking=none", "rounds=1", "task.hidden=[]", "training.epochs=1", "region.countries=[LAO,VNM]")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs, with `june` in it and its synthetic records, which end in 2008-12."""
    folder = tmp_path_factory.mktemp("runs")
    main(["simulate", "task=health", "name=june", "arms=[federated,local,adapted]", f"runs={folder}", *SMALL])
    return folder


@pytest.fixture(scope="session")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A coordinator's home, with an authority."""
    home = tmp_path_factory.mktemp("coordinator")
    certificates.create(home, ["localhost"])
    return home
