"""The courier: carries frames between the coordinator and the vault of one country, and decides nothing.

It holds the node's key, and speaks Flower's fleet protocol over TLS on one side and to the vault's socket on the other.
It has no data and no torch, and it runs nothing that was sent to it.
"""

import argparse
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep, time
from types import FrameType

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.app import Error, Message
from flwr.supercore.inflatable.inflatable_utils import ObjectPullError, ObjectPushError

from federation.deployment import logs
from federation.deployment.node import reachable
from federation.deployment.node.flower_link import Link, RefusedError, Request, check_flower_version
from federation.deployment.node.vault_line import VaultAbsentError, exchange
from federation.deployment.private_keys import read_ecdsa_key
from federation.errors import DeploymentError, WireError
from federation.wire.flower_message import seal

SHORTEST_POLL, LONGEST_POLL = 0.1, 2.0  # seconds between two polls: short after a message, longer while none come
LONGEST_PAUSE = 30.0  # seconds before the coordinator is tried again
VAULT_PATIENCE = 20.0  # seconds a message waits for a vault that is being started again

log = logging.getLogger("courier")


def relay_request(link: Link, vault: Path, delivered: Path) -> None:
    """Pass messages to the vault and its replies back, one at a time, until the link breaks.

    delivered: the folder for champions, which are looked for while no message comes.

    Raises httpx.HTTPError, or ObjectPushError where the coordinator was started again in the middle of a reply: a node
    that is activated again is sent the request again, and its vault repeats the reply.
    """
    pause = SHORTEST_POLL
    while True:
        link.heartbeat()
        request = link.pull()
        if request is None:
            link.fetch_champions(delivered)
            sleep(pause)  # the fleet protocol has no push: a node must poll
            pause = min(pause * 1.25, LONGEST_POLL)
            continue
        pause = SHORTEST_POLL
        reply = reply_to(request, vault, link.heartbeat)
        try:
            link.push(reply)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.FORBIDDEN:
                raise
            log.warning("the run ended before this reply; dropped")


def reply_to(request: Request, vault: Path, heartbeat: Callable[[], None]) -> Message:
    """The vault's reply, or an error that says it is absent; keeps the node active meanwhile."""
    until, logged = min(monotonic() + VAULT_PATIENCE, monotonic() + request.expires - time()), ""
    while True:
        try:
            return Message(seal(exchange(vault, request.frame, heartbeat)), reply_to=request.message)
        except VaultAbsentError as error:
            if monotonic() >= until:
                log.error("%s", error)
                reason = "its vault does not reply; see the log of its node"
                return Message(Error(code=0, reason=reason), reply_to=request.message)
            if str(error) != logged:
                log.warning("%s; trying again", error)
                logged = str(error)
            heartbeat()
            sleep(0.5)  # the vault's supervisor starts it again


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The node's key. Raises DeploymentError if it is missing, unfit, or readable by other users."""
    return read_ecdsa_key(path, "the courier's key", "make one with `gotong keys node`")


def run(address: str, home: Path, ca_file: Path, vault: Path, delivered: Path) -> None:
    """Carry until SIGTERM; a link that breaks is opened again. home: the courier's own folder, with node.key."""
    check_flower_version()
    key = read_key(home / "node.key")
    pause, logged = 1.0, ""
    while True:
        try:
            with Link(address, ca_file, key, home / "node.id", vault.parent) as link:
                log.info("connected to %s", address)
                pause, logged = 1.0, ""
                relay_request(link, vault, delivered)
        except (httpx.HTTPError, RefusedError, ObjectPullError, ObjectPushError, WireError) as error:
            reason = str(error) if isinstance(error, RefusedError) else reachable.explain(error, address)
            if reason != logged:
                log.warning("%s", reason)
                logged = reason
            sleep(pause)  # the coordinator is being started again, or the line is down
            pause = min(2 * pause, LONGEST_PAUSE)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise SystemExit(0)


def main() -> None:
    """`python -m federation.deployment.node.courier`, started by `gotong node`."""
    parser = argparse.ArgumentParser(prog="courier")
    for name in ("--coordinator", "--home", "--ca", "--vault", "--delivered"):
        parser.add_argument(name, required=True)
    words = parser.parse_args()
    logs.begin("courier")
    signal.signal(signal.SIGTERM, _stop)
    try:
        run(words.coordinator, Path(words.home), Path(words.ca), Path(words.vault), Path(words.delivered))
    except DeploymentError as error:
        sys.exit(f"courier: {error}")


if __name__ == "__main__":
    main()
