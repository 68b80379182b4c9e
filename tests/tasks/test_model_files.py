"""Weights from a file: only the one that was named, and no pickle."""

import pickle
from hashlib import sha256
from pathlib import Path

import pytest
import torch

from tasks.errors import DataError
from tasks.models.files import weights_from


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
