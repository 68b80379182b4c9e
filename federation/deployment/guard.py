"""Flower's `flwr-clientapp` on a stock SuperNode, with one question before it: does this country know the bundle?

A SuperNode runs whatever bundle the coordinator ships. This program stands on the executor's PATH in place of Flower's
own: it hashes what was shipped and asks the vault in that bundle's name. If the country's policy lists it, it is
installed and run, else the vault's refusal is the answer. The places in Flower's program where it steps in are held by
tests/deployment/test_guard.py.
"""

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from flwr.app import Context, Message
from flwr.supernode.cli.flwr_clientapp import flwr_clientapp
from flwr.supernode.runtime import run_clientapp

from federation.deployment.node.courier import exchange, known_flower
from federation.deployment.node.layout import BUNDLE, LINE
from federation.wire.flower_message import seal
from federation.wire.frame import Frame, decode, encode, named

STEPS = ("pull_task_input", "install_from_fab", "get_load_client_app_fn")  # of Flower's program, in their order


class Guard:
    """Stands in for three steps of Flower's program. vault: the socket."""

    def __init__(self, vault: Path) -> None:
        self._vault = vault
        self._pull, self._install, self._loader = (getattr(run_clientapp, step) for step in STEPS)
        self._refusal: bytes | None = None

    def pull_task_input(self, client: Any) -> tuple[Any, ...]:
        """The bundle with the hash of its bytes, not the claimed one: by it Flower chooses the folder to run."""
        message, context, run, fab = self._pull(client)
        return message, context, run, replace(fab, hash_str=sha256(fab.content).hexdigest())

    def install_from_fab(self, content: bytes, **rest: Any) -> Any:
        """Install what the vault accepts; what it hands in is in its own name. Raises VaultAbsentError."""
        bundle = sha256(content).hexdigest()
        reply = exchange(self._vault, named(encode(Frame(kind="terms", header={})), bundle), lambda: None)
        if decode(reply).kind != "terms":
            self._refusal = reply
            return None
        os.environ[BUNDLE] = bundle
        return self._install(content, **rest)

    def get_load_client_app_fn(self, **rest: Any) -> Any:
        """What loads the bundle, or the refusal in its place."""
        return self._loader(**rest) if self._refusal is None else lambda *_: self.refuse

    def refuse(self, message: Message, context: Context) -> Message:  # noqa: ARG002  Flower calls it as an app
        """The vault's words to the coordinator."""
        assert self._refusal is not None
        return Message(seal(self._refusal), reply_to=message)

    def post(self) -> None:
        """Step in."""
        for step in STEPS:
            setattr(run_clientapp, step, getattr(self, step))


def main() -> None:
    """`python -m federation.deployment.guard` with Flower's own arguments, started by Flower's executor."""
    known_flower()
    Guard(Path(os.environ[LINE])).post()
    flwr_clientapp()


if __name__ == "__main__":
    main()
