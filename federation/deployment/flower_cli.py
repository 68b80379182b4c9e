"""Flower's own commands as functions: the coordinator's requests to its SuperLink, through the public command line.

The commands exit with 0 on failure too, so success is read from their JSON.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from federation.errors import DeploymentError
from tasks.files.atomic import write_atomically

CONNECTION = "gotong"
PATIENCE = 60.0  # seconds for one command
QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "DO_NOT_TRACK": "true",
}


def environment(home: Path) -> dict[str, str]:
    """Variables that keep Flower's files in this coordinator's folder and its telemetry off."""
    return {**QUIET, "FLWR_HOME": str((home / "flower").resolve())}


def program(name: str) -> str:
    """A command installed with this Python. Raises DeploymentError."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise DeploymentError(f"{name} is not installed with {sys.executable}; install Gotong with its dependencies")
    return str(path)


def connect(home: Path, address: str) -> None:
    """Write the address of this coordinator's SuperLink for Flower's commands."""
    root = json.dumps(str((home / "ca.pem").resolve()))
    text = (
        f'[superlink]\ndefault = "{CONNECTION}"\n\n'
        f'[superlink.{CONNECTION}]\naddress = "{address}"\nroot-certificates = {root}\n'
    )
    write_atomically(home / "flower" / "config.toml", text.encode())


def address(home: Path) -> tuple[str, int]:
    """Host and port that `connect` wrote. Raises DeploymentError if it never ran."""
    try:
        text = tomllib.loads((home / "flower" / "config.toml").read_text())["superlink"][CONNECTION]["address"]
    except (OSError, ValueError, KeyError):
        raise DeploymentError(
            f"{home} is no coordinator that ever ran; start `gotong coordinator home={home}`"
        ) from None
    host, _, port = str(text).rpartition(":")
    return host, int(port)


def register(home: Path, key: Path) -> int:
    """Flower's number for a newly enrolled key. Raises DeploymentError."""
    return int(_run_command(home, "supernode", "register", str(key), CONNECTION)["node-id"])


def unregister(home: Path, node: int) -> None:
    """Refuse a node's key for good. Raises DeploymentError."""
    _run_command(home, "supernode", "unregister", str(node), CONNECTION)


def states(home: Path) -> dict[int, str]:
    """node -> registered, online, offline or unregistered."""
    return {
        int(node["node-id"]): str(node["status"])
        for node in _run_command(home, "supernode", "list", CONNECTION)["nodes"]
    }


def start(home: Path, bundle: Path, config: Mapping[str, str | int]) -> int:
    """Start a run of a bundle; returns Flower's number of it. Raises DeploymentError."""
    words = " ".join(f"{key}={json.dumps(value)}" for key, value in config.items())
    return int(_run_command(home, "run", str(bundle), CONNECTION, "--run-config", words)["run-id"])


def status(home: Path, run: int) -> tuple[str, str]:
    """Status such as `running` or `finished:completed`, and details. Raises DeploymentError."""
    run_state = _run_command(home, "list", CONNECTION, "--run-id", str(run))["runs"][0]
    return str(run_state["status"]), str(run_state.get("status-details") or "")


def statuses(home: Path) -> dict[int, str]:
    """Flower's number of every run -> its status. Raises DeploymentError."""
    return {int(run["run-id"]): str(run["status"]) for run in _run_command(home, "list", CONNECTION)["runs"]}


def stop(home: Path, run: int) -> None:
    """Stop a run. Raises DeploymentError."""
    _run_command(home, "stop", str(run), CONNECTION)


def _run_command(home: Path, *words: str) -> dict[str, Any]:
    command = [program("flwr"), *words, "--format", "json"]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **environment(home)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise DeploymentError(f"the SuperLink did not reply to `flwr {words[0]}` within {PATIENCE:g} s") from None
    reply = _last_json(done.stdout)
    if reply is None or not reply.get("success"):
        reason = (reply or {}).get("error-message") or done.stderr.strip() or done.stdout.strip() or "no reply"
        raise DeploymentError(f"flwr {' '.join(words[:2])}: {' '.join(str(reason).split())[-400:]}")
    return reply


def _last_json(text: str) -> dict[str, Any] | None:
    """The object Flower printed, which may have other lines before it."""
    start = text.find("{")
    while start >= 0:
        try:
            value, _ = json.JSONDecoder().raw_decode(text[start:])
            return value if isinstance(value, dict) else None
        except ValueError:
            start = text.find("{", start + 1)
    return None
