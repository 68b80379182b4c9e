"""Weights from a file: only the one that was named, and no pickle."""

import pickle
import sys
import zipfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.errors import DataError
from tasks.models import files
from tasks.models.files import read_weights, weights_from, write_weights


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def test_a_state_dict_is_read_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "backbone.pt"
    torch.save({"weight": torch.arange(6.0).reshape(2, 3)}, path)
    assert torch.equal(weights_from(path, digest(path).upper())["weight"], torch.arange(6.0).reshape(2, 3))
    with pytest.raises(DataError, match="is another file than was named"):
        weights_from(path, "0" * 64)
    with pytest.raises(DataError, match="ask the owner of the weights"):
        weights_from(tmp_path / "absent.pt", digest(path))
    trap = tmp_path / "trap.pt"
    for content in (pickle.dumps(Trap(tmp_path / "sprung")), b"", b"no weights", pickle.dumps({"a": 3})):
        trap.write_bytes(content)
        with pytest.raises(DataError, match="holds"):
            weights_from(trap, digest(trap))
    torch.save({"trap": Trap(tmp_path / "sprung")}, trap)
    with pytest.raises(DataError, match="holds no weights"):
        weights_from(trap, digest(trap))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_weights_that_were_written_are_read(tmp_path: Path, suffix: str) -> None:
    if suffix == "safetensors":
        pytest.importorskip("safetensors", reason="an extra that only .safetensors files need")
    path = tmp_path / f"first.{suffix}"
    written = {"head.bias": torch.arange(3.0), "skip.weight": torch.arange(6.0).reshape(2, 3).T}
    write_weights(path, written)
    for read in (read_weights(path), weights_from(path, digest(path))):
        assert read.keys() == written.keys()
        assert all(torch.equal(read[name], value) for name, value in written.items())
    for content in (b"", b"PK no archive", path.read_bytes()[:-9], pickle.dumps(Trap(tmp_path / "sprung"))):
        path.write_bytes(content)
        with pytest.raises(DataError, match="holds no weights"):
            read_weights(path)
    with pytest.raises(DataError, match=r"must end in .safetensors or .npz"):
        write_weights(tmp_path / "first.pt", written)


def test_an_array_of_objects_is_no_weight(tmp_path: Path) -> None:
    for content in (np.array([Trap(tmp_path / "sprung")], dtype=object), np.array(["text"])):
        np.savez(tmp_path / "trap.npz", weight=content)
        with pytest.raises(DataError, match="holds no weights"):
            read_weights(tmp_path / "trap.npz")
    assert not (tmp_path / "sprung").exists()


def test_without_the_library_a_safetensors_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    (tmp_path / "first.safetensors").write_bytes(b"x")
    with pytest.raises(DataError, match="pip install safetensors"):
        read_weights(tmp_path / "first.safetensors")


def test_a_small_file_that_unfolds_to_more_than_there_is_room_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, header = tmp_path / "huge.npz", BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**7)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weight.npy", header.getvalue())
    with pytest.raises(DataError, match="holds no weights"):
        read_weights(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("weight.npy", "w") as file:
        file.write(bytes(2**20))
    monkeypatch.setattr(files, "LARGEST", 2**19)
    with pytest.raises(DataError, match="holds no weights"):
        read_weights(path)
