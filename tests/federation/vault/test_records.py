"""The fingerprint: the same for the same records, and another one if anything of them changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.vault.records import open_records
from tasks.data import Panel
from tests.federation.toy import TOY, ToySettings


def panel_of(folder: Path) -> Panel:
    TOY.synthesize(folder, "VNM", 1, ToySettings())
    panel = TOY.read(folder, "VNM", ToySettings())
    return replace(panel, static={"name": np.array(["one"] * len(panel.places), dtype=object)})


def printed(panel: Panel, folder: Path) -> str:
    task = replace(TOY, read=lambda *_: panel)
    return open_records(task, ToySettings(), folder, "VNM", b"k").fingerprint


CHANGES: dict[str, Any] = {
    "a place was renamed": lambda panel: replace(panel, places=("renamed", *panel.places[1:])),
    "a target changed in its last digit": lambda panel: replace(panel, target=np.nextafter(panel.target, np.inf)),
    "a static value changed": lambda panel: replace(
        panel, static={"name": np.array(["two"] * len(panel.places), dtype=object)}
    ),
    "a covariate changed": lambda panel: replace(
        panel, covariates={name: values + 1e-9 for name, values in panel.covariates.items()} or {"rain": panel.target}
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_is_seen(change: Any, tmp_path: Path) -> None:
    panel = panel_of(tmp_path)
    assert printed(panel, tmp_path) == printed(replace(panel), tmp_path)
    assert printed(change(panel), tmp_path) != printed(panel, tmp_path)
