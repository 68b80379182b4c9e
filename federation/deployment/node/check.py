"""Whether a node would work, before anybody waits for it: one line a fact, and at the end whether all is well."""

import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPSConnection
from importlib.metadata import version
from pathlib import Path
from time import time

import torch

from federation.deployment.node import courier
from federation.deployment.node.layout import Node
from federation.deployment.node.process import POLICY
from federation.deployment.node.vault_process import read_policy
from federation.errors import GotongError
from federation.vault.policy import template
from tasks.errors import TaskError
from tasks.registry import TASKS

CLOCK = 60.0  # seconds; Flower refuses signatures that are five minutes off
FREE = 2 * 2**30  # bytes of disk


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at. good None: a fact that is neither."""

    what: str
    said: str
    good: bool | None = True


def findings(node: Node) -> Iterator[Finding]:
    """All that can be seen from this machine alone, then the coordinator."""
    yield Finding(what="versions", said=f"gotong {version('gotong')}, torch {torch.__version__}", good=None)
    yield _flower()
    allowed: tuple[str, ...] = ()
    try:
        policy = read_policy(node.policy or node.data / POLICY, node.country)
        allowed = policy.tasks
        yield Finding(what="policy", said=f"{policy.path} allows {', '.join(policy.tasks)}")
    except GotongError as error:
        yield Finding(what="policy", said=f"{error}. A policy may say:\n{template()}", good=False)
    for name in allowed:
        yield from _records(node, name)
    free = shutil.disk_usage(node.home if node.home.exists() else node.home.parent).free
    yield Finding(what="disk", said=f"{free / 2**30:,.0f} GiB free", good=free > FREE)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU; models are small, a CPU will do"
    yield Finding(what="device", said=gpu, good=None if node.device in ("cpu", "auto") else torch.cuda.is_available())
    yield from _key(node)
    yield from _coordinator(node)


def _flower() -> Finding:
    try:
        courier.known_flower()
    except GotongError as error:
        return Finding(what="flower", said=str(error), good=False)
    return Finding(what="flower", said=version("flwr"))


def _records(node: Node, name: str) -> Iterator[Finding]:
    if name not in TASKS:
        yield Finding(what=name, said=f"is not installed; installed are {', '.join(TASKS)}", good=False)
        return
    task = TASKS[name]
    settings = task.settings()
    try:
        windows = task.windows(task.read(node.data, node.country, settings), settings)
        parts = {part: len(windows.only(part)) for part in ("train", "validation", "test")}
        module = task.build_model(settings, 1)
    except (TaskError, OSError) as error:
        yield Finding(what=name, said=f"takes no part: {error}", good=None)
        return
    yield Finding(what=name, said=", ".join(f"{count:,} windows to {part}" for part, count in parts.items()))
    values = [value.shape for _, value in module.named_parameters()]
    size = sum(value.numel() for value in module.parameters())
    yield Finding(
        what=f"{name} sends",
        said=f"a round: {len(values)} arrays of {size:,} weights' changes ({4 * size / 1024:,.0f} KiB as float32), "
        f"sums and counts of {', '.join(task.scores)}, a count of examples, a mean loss, a keyed fingerprint",
        good=None,
    )


def _key(node: Node) -> Iterator[Finding]:
    path = node.home / "courier" / "node.key"
    if not path.exists() and not os.access(path.parent, os.X_OK):
        yield Finding(what="key", said=f"{path} is the courier's; run as its user to look at it", good=None)
        return
    try:
        courier.read_key(path)
    except GotongError as error:
        yield Finding(what="key", said=str(error), good=False)
    else:
        yield Finding(what="key", said=f"{path}, mode 600")


def _coordinator(node: Node) -> Iterator[Finding]:
    """Its certificate, its answer, and its clock beside ours."""
    host, _, port = node.coordinator.rpartition(":")
    try:
        context = ssl.create_default_context(cafile=str(_readable(node.root)))
        line = HTTPSConnection(host, int(port), timeout=10, context=context)
        line.request("GET", "/health")
        answer = line.getresponse()
        said = answer.getheader("date")
        line.close()
    except (OSError, ValueError, socket.gaierror) as error:
        yield Finding(what="coordinator", said=courier.explained(error, node.coordinator), good=False)
        return
    if answer.status != 200:
        yield Finding(what="coordinator", said=f"its door answers {answer.status}: its SuperLink is down", good=False)
    else:
        yield Finding(what="coordinator", said=f"{node.coordinator} answers, and its certificate is the authority's")
    if said:
        off = time() - parsedate_to_datetime(said).timestamp()
        yield Finding(what="clock", said=f"{off:+.0f} s beside the coordinator's", good=abs(off) < CLOCK)


def _readable(path: Path) -> Path:
    path.read_bytes()
    return path
