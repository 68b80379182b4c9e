"""Flower's own SuperNode in the courier's place, and the guard before the bundles that it is sent."""

import os
import secrets
import sys

from federation.deployment import flower_cli
from federation.deployment.node.layout import LINE, SOCKET, Node
from federation.deployment.secret_files import private_folder, write_secret
from federation.deployment.supervisor import Child

SECRET = "executor.secret"
POLL = "0.2"  # seconds between two looks of the executor for a message


def children(node: Node, user: str | None) -> list[Child]:
    """Flower's SuperNode in the courier's place, and its executor, which starts the guard and not Flower's program."""
    home = (node.home / "courier").resolve()
    behind, secret = f"127.0.0.1:{node.inner}", str(home / SECRET)
    environment = {**flower_cli.QUIET, "FLWR_HOME": str(home / "flower")}
    supernode = [
        *(flower_cli.program("flower-supernode"), "--superlink", node.coordinator),
        *("--root-certificates", str(node.root.resolve()), "--auth-supernode-private-key", str(home / "node.key")),
        *("--isolation", "process", "--superexec-auth-secret-file", secret),
        *("--host", "127.0.0.1", "--port", str(node.inner)),
    ]
    executor = [
        *(flower_cli.program("flower-superexec"), "--insecure", "--runtime-api-address", behind),
        *("--superexec-auth-secret-file", secret),
    ]
    guarded = {
        **environment,
        LINE: str((node.line / SOCKET).resolve()),
        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": POLL,
        "PATH": os.pathsep.join([str((node.home / "guard").resolve()), os.environ.get("PATH", os.defpath)]),
    }
    return [
        Child(name="supernode", command=supernode, environment=environment, user=user),
        Child(name="executor", command=executor, environment=guarded, user=user),
    ]


def prepare(node: Node) -> None:
    """The guard where the executor looks first, and the secret by which the SuperNode knows its executor."""
    folder = node.home / "guard"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # another user may start it
    program = folder / "flwr-clientapp"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m federation.deployment.guard "$@"\n')
    program.chmod(0o755)
    private_folder(node.home / "courier" / "flower")
    write_secret(node.home / "courier" / SECRET, secrets.token_bytes(32))
