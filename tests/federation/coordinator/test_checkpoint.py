"""A checkpoint is whole, or it is the one before; what comes out is to the bit what went in."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from federation.composition.restore import restore
from federation.coordinator import checkpoint
from federation.coordinator.state import Candidate, Federation, Progress
from federation.errors import CheckpointError
from federation.settings.schema import Settings
from tests.federation.federations import settings_of

pytestmark = pytest.mark.usefixtures("toy")


def federation(folder: Path) -> Federation:
    settings = settings_of(folder, keep_best=2)
    nodes = {"THA": 2, "VNM": 3}
    return Federation(
        run="run", plan=settings.plan(), settings=settings, nodes=nodes, checkpoint=folder / checkpoint.FILE
    )


def drawn(seed: int) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    return {"b.w": generator.standard_normal((2, 3)).astype(np.float32), "a": generator.standard_normal(4)}


PROGRESS = Progress(
    round=7,
    model=drawn(1),
    shared=drawn(2),
    server={"m_t/b.w": drawn(3)["b.w"], "momentum_vector/@000000": drawn(4)["a"]},
    examples={"THA": 10, "VNM": 20},
    best=(Candidate(round=5, value=0.25, model=drawn(5)), Candidate(round=2, value=0.5, model=drawn(6))),
    losses={"THA": 0.25},
    first_losses={"THA": 0.5},
    tracked_bytes=1234,
)


def same(one: Any, other: Any) -> bool:
    return set(one) == set(other) and all(
        (one[name].dtype, one[name].shape, one[name].tobytes())
        == (other[name].dtype, other[name].shape, other[name].tobytes())
        for name in one
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    checkpoint.save(federation(tmp_path), PROGRESS)
    progress, header = checkpoint.load(tmp_path / checkpoint.FILE)
    for group in ("model", "shared", "server"):
        assert same(getattr(progress, group), getattr(PROGRESS, group))
    for one, other in zip(progress.best, PROGRESS.best, strict=True):
        assert (one.round, one.value) == (other.round, other.value)
        assert same(one.model, other.model)
    assert (progress.round, progress.tracked_bytes, progress.examples) == (7, 1234, {"THA": 10, "VNM": 20})
    assert (progress.losses, progress.first_losses) == ({"THA": 0.25}, {"THA": 0.5})
    assert (header["run"], header["countries"]) == ("run", ["THA", "VNM"])
    assert restore(Settings, header["settings"], "checkpoint") == settings_of(tmp_path, keep_best=2)


def test_what_is_loaded_may_be_written(tmp_path: Path) -> None:
    checkpoint.save(federation(tmp_path), PROGRESS)
    checkpoint.load(tmp_path / checkpoint.FILE)[0].model["a"][0] = 5.0


def test_a_checkpoint_reveals_no_update_of_a_country(tmp_path: Path) -> None:
    checkpoint.save(federation(tmp_path), PROGRESS)
    names = checkpoint.load(tmp_path / checkpoint.FILE)[1]
    assert set(names) == {
        "run",
        "round",
        "tracked_bytes",
        "examples",
        "last_aggregated",
        "records",  # fingerprints, under a key of the country's own
        "losses",
        "first_losses",
        "best",
        "settings",
        "countries",
    }


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
@limits(max_examples=30)
def test_a_damaged_byte_is_detected(tmp_path_factory: pytest.TempPathFactory, at: int, flip: int) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    checkpoint.save(federation(folder), PROGRESS)
    data = bytearray((folder / checkpoint.FILE).read_bytes())
    data[at % len(data)] ^= flip
    (folder / checkpoint.FILE).write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(folder / checkpoint.FILE)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 500])
def test_a_torn_file_is_detected(tmp_path: Path, size: int) -> None:
    checkpoint.save(federation(tmp_path), PROGRESS)
    (tmp_path / checkpoint.FILE).write_bytes((tmp_path / checkpoint.FILE).read_bytes()[:size])
    with pytest.raises(CheckpointError):
        checkpoint.load(tmp_path / checkpoint.FILE)


def test_a_missing_one_says_what_resume_takes(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="resume=RUN takes a run that began"):
        checkpoint.load(tmp_path / checkpoint.FILE)


def test_a_crash_while_writing_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(federation(tmp_path), PROGRESS)
    monkeypatch.setattr(os, "replace", Mock(side_effect=OSError(errno.ENOSPC, "the disk is full")))
    with pytest.raises(CheckpointError, match=r"cannot be written \(the disk is full\)"):
        checkpoint.save(federation(tmp_path), replace(PROGRESS, round=8))
    assert checkpoint.load(tmp_path / checkpoint.FILE)[0].round == 7
    assert [each.name for each in tmp_path.iterdir()] == [checkpoint.FILE]


def test_a_final_model_comes_back_and_an_unfinished_run_has_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has not ended"):
        checkpoint.load_model(tmp_path)
    checkpoint.save_model(tmp_path, "run", PROGRESS.model)
    assert same(checkpoint.load_model(tmp_path), PROGRESS.model)
