"""A seeded sample of `scripts/prove frames`: hostile frames at a vault."""

import logging
import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from federation.training import sequential
from federation.vault.round import serve
from federation.vault.vault import Vault
from federation.wire.frame import decode
from tests.frames.requests import dear, draft_of
from tests.frames.vault import Outcome, attack, honest, send, vault_in
from tests.whole import IN_FULL

# Seconds of CPU. A frame that is served takes up to .75 on a quiet machine, where its calendar scores all records, one
# that is refused .1; a machine that is shared counts up to three times as many. The frames that this is about took six.
DEAREST = 2.0


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    logging.disable(logging.ERROR)
    try:
        with vault_in(tmp_path) as vault:
            yield vault
    finally:
        logging.disable(logging.NOTSET)


def test_hostile_frames_harm_no_vault(vault: Vault) -> None:
    outcome = attack(vault, 1000 if IN_FULL else 200, seed=19, traced=0.0)
    assert outcome.faults == []
    assert outcome.dearest() < DEAREST, outcome.cost[:3]
    assert {"update", "scores"} <= set(outcome.kinds)  # some are served
    assert len(outcome.kinds) > 30  # and refused for many reasons
    assert max(outcome.memory) - outcome.memory[1] < 50


def test_what_is_cheap_to_write_is_cheap_to_refuse(vault: Vault) -> None:
    first, outcome = honest()[4], Outcome()
    decode(serve([(vault, first)], sequential.run)[0])  # records are read once
    for seed in range(8):
        for key, value in dear(random.Random(seed)).items():
            draft = draft_of(first)
            table = draft.body["header"]["plan"]
            *parts, last = key.split(".")
            for part in parts:
                table = table[part]
            table[last] = deepcopy(value)
            draft.body["header"]["run"] = f"{key}-{seed}"
            send(vault, draft.encoded(), outcome)
    assert outcome.faults == []
    assert outcome.dearest() < DEAREST, outcome.cost[:3]
