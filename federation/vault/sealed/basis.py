"""What a country's words in a run rest on, besides the model that they are about."""

import json
from importlib.metadata import version

import numpy as np
import torch

from federation.policy.keys import Policy, values_of
from federation.seals.masks import digest


def basis(fingerprint: str, policy: Policy) -> bytes:
    """Digest of records, policy and software. fingerprint: of the records.

    Were one of them to change within a run, a vault that was restored from a backup could be asked for a round again
    and hide other words behind the same masks or the same noise; their difference would be there to read.
    """
    return digest(fingerprint, json.dumps(values_of(policy), sort_keys=True), versions())


def versions() -> str:
    """Of what derives a model."""
    return f"gotong {version('gotong')}, torch {torch.__version__.split('+')[0]}, numpy {np.__version__}"
