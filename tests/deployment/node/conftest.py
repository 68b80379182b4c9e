"""A country's vault as its courier reaches it."""

from pathlib import Path

import pytest
import torch

from federation.deployment.node.vault_process import RequestHandler, read_policy
from federation.vault.database import open_database
from federation.vault.vault import Vault


@pytest.fixture
def handler(tmp_path: Path) -> RequestHandler:
    (tmp_path / "vault").mkdir()
    (tmp_path / "policy.toml").write_text('tasks = ["health"]\nmaximum_rounds = 7\n')
    policy = read_policy(tmp_path / "policy.toml", "VNM")
    database = open_database(tmp_path / "vault" / "vault.sqlite")
    vault = Vault(country="VNM", folder=tmp_path, policy=policy, database=database, key=bytes(32))
    return RequestHandler(vault, tmp_path / "vault", torch.device("cpu"))
