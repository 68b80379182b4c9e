"""Which device is meant, and what is said of one that is not there."""

import pytest
import torch

from federation.errors import ConfigError
from federation.training.device import device_of


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("cards")
def test_where_there_are_cards_any_of_them_may_be_named() -> None:
    assert [str(device_of(name)) for name in ("auto", "cpu", "cuda", "cuda:1")] == ["cuda", "cpu", "cuda", "cuda:1"]
    with pytest.raises(ConfigError, match=r"device=cuda:2, but torch finds 2 GPU here; the first is cuda:0"):
        device_of("cuda:2")


def test_where_there_is_none_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of("auto") == torch.device("cpu")
    with pytest.raises(ConfigError, match="device=cuda, but torch finds no GPU here; set device=cpu"):
        device_of("cuda")


@pytest.mark.parametrize("name", ["gpu", "mps", "cuda:", "cuda:x", "cpu:0", "", "CUDA", "meta"])
def test_any_other_word_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is none of auto, cpu, cuda, cuda:1"):
        device_of(name)
