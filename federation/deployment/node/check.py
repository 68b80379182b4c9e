"""Checks of a node before it is started: one finding a fact, each good, bad or neither."""

import os
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPSConnection
from importlib.metadata import version
from pathlib import Path
from time import time

import torch

from federation.deployment.enrolment import COURIER_KEY, VAULT_KEY, read_vault_key
from federation.deployment.node import courier, flower_link, own_budget, reachable
from federation.deployment.node.settings import NodeSettings
from federation.deployment.node.vault_process import read_policy
from federation.errors import GotongError
from federation.policy.file import read_roster
from federation.policy.keys import Policy
from federation.policy.templates import text as template
from federation.settings.plan import SEALED
from tasks.errors import DataError, TaskError
from tasks.files.folders import country_folder
from tasks.models.weights import built, trainable
from tasks.registry import TASKS

CLOCK = 60.0  # seconds; Flower refuses signatures that are five minutes off
FREE = 2 * 2**30  # bytes of disk


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was checked. good None: a fact that is neither good nor bad."""

    what: str
    detail: str
    good: bool | None = True


def findings(settings: NodeSettings) -> Iterator[Finding]:
    """What can be checked on this machine alone, then the coordinator."""
    yield Finding(what="versions", detail=f"gotong {version('gotong')}, torch {torch.__version__}", good=None)
    yield _flower()
    allowed: tuple[str, ...] = ()
    try:
        policy = read_policy(settings.policy_file, settings.country)
        allowed = policy.tasks
        yield Finding(what="policy", detail=f"{policy.path} allows {', '.join(policy.tasks)}")
        yield _roster(policy)
        yield _budget(settings, policy)
    except GotongError as error:
        yield Finding(what="policy", detail=f"{error}. A policy may say:\n{template()}", good=False)
    yield from _served(settings, allowed)
    home = settings.home_folder
    free = shutil.disk_usage(home if home.exists() else home.parent).free
    yield Finding(what="disk", detail=f"{free / 2**30:,.0f} GiB free", good=free > FREE)
    gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if gpu else "no GPU; models are small, a CPU is enough"
    yield Finding(what="device", detail=device, good=None if settings.device in ("cpu", "auto") else gpu)
    yield from _keys(settings)
    yield from _coordinator(settings)


def _budget(settings: NodeSettings, policy: Policy) -> Finding:
    """What is left for runs under differential privacy."""
    if not policy.epsilon:
        return Finding(what="privacy budget", detail="none: the policy has epsilon = 0", good=None)
    try:
        return Finding(what="privacy budget", detail=own_budget.summary(settings.home_folder, policy), good=None)
    except PermissionError:
        return Finding(what="privacy budget", detail="the vault's own; run as its user to see it", good=None)
    except GotongError as error:
        return Finding(what="privacy budget", detail=str(error), good=False)


def _flower() -> Finding:
    try:
        flower_link.check_flower_version()
    except GotongError as error:
        return Finding(what="flower", detail=str(error), good=False)
    return Finding(what="flower", detail=version("flwr"))


def _served(settings: NodeSettings, allowed: Sequence[str]) -> Iterator[Finding]:
    """The records of every task that the policy allows; bad where not one of them can be served."""
    try:
        yield Finding(what="data", detail=str(country_folder(Path(settings.data or "."), settings.country)))
    except DataError as error:
        yield Finding(what="data", detail=str(error), good=False)
        return
    served = []
    for name in allowed:
        found = list(_records(settings, name))
        served += [name] if found[0].good else []
        yield from found
    if allowed and not served:
        detail = f"nothing: with these records {settings.country} takes no part in {', '.join(allowed)}"
        yield Finding(what="serves", detail=detail, good=False)


def _records(settings: NodeSettings, name: str) -> Iterator[Finding]:
    task = TASKS[name]
    task_settings = task.settings()
    try:
        windows = task.windows(task.read(settings.data_folder, settings.country, task_settings), task_settings)
        parts = {part: len(windows.only(part)) for part in ("train", "validation", "test")}
        module = built(task, task_settings, 1)
    except (TaskError, OSError) as error:
        yield Finding(what=name, detail=f"takes no part: {error}", good=None)
        return
    if not any(parts.values()):
        yield Finding(what=name, detail="takes no part: no record is long enough for the calendar of runs", good=None)
        return
    yield Finding(what=name, detail=", ".join(f"{count:,} windows of {part}" for part, count in parts.items()))
    values = trainable(module)
    size = sum(value.numel() for value in values.values())
    yield Finding(
        what=f"{name} sends",
        detail=f"a round: {len(values)} arrays of {size:,} weights' changes ({4 * size / 1024:,.0f} KiB as float32), "
        f"sums and counts of {', '.join(task.scores)}, a count of examples, a mean loss, a keyed fingerprint",
        good=None,
    )


def _roster(policy: Policy) -> Finding:
    """Bad where the policy asks for sealed runs, and there is nobody to have them with."""
    roster = read_roster(policy)
    needed = SEALED in policy.required_protection
    if not roster:
        detail = "no member's key was accepted: no sealed runs (`gotong node roster accept`)"
        return Finding(what="roster", detail=detail, good=False if needed else None)
    return Finding(what="roster", detail=f"sealed runs with {', '.join(sorted(roster))}")


def _keys(settings: NodeSettings) -> Iterator[Finding]:
    vault_key, courier_key = settings.vault_folder / VAULT_KEY, settings.courier_folder / COURIER_KEY
    yield _key("key", courier_key, "courier", courier.read_key)
    yield _key("vault's key", vault_key, "vault", read_vault_key)


def _key(what: str, path: Path, owner: str, read: Callable[[Path], object]) -> Finding:
    if not path.exists() and path.parent.exists() and not os.access(path.parent, os.X_OK):
        return Finding(what=what, detail=f"{path} belongs to the {owner}; run as its user to check it", good=None)
    try:
        read(path)
    except GotongError as error:
        return Finding(what=what, detail=str(error), good=False)
    return Finding(what=what, detail=f"{path}, mode 600")


def _coordinator(settings: NodeSettings) -> Iterator[Finding]:
    """Its certificate, its reply, and the difference of its clock from this machine's."""
    host, port = settings.coordinator_address
    try:
        context = ssl.create_default_context(cafile=str(_readable(settings.ca_file)))
        connection = HTTPSConnection(host, port, timeout=10, context=context)
        connection.request("GET", "/health")
        response = connection.getresponse()
        date = response.getheader("date")
        connection.close()
    except (OSError, ValueError, socket.gaierror) as error:
        yield Finding(what="coordinator", detail=reachable.explain(error, settings.coordinator), good=False)
        return
    if response.status != 200:
        yield Finding(
            what="coordinator",
            detail=f"its gateway replies with HTTP {response.status}: its SuperLink is down",
            good=False,
        )
    else:
        yield Finding(
            what="coordinator",
            detail=f"{settings.coordinator} replies, and its certificate is signed by {settings.ca_file.name}",
        )
    if date:
        difference = time() - parsedate_to_datetime(date).timestamp()
        yield Finding(what="clock", detail=f"{difference:+.0f} s from the coordinator's", good=abs(difference) < CLOCK)


def _readable(path: Path) -> Path:
    path.read_bytes()
    return path
