"""Requests of sealed runs and explorations at a vault: what each is of, one reply to each, all of it on the ledger."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from federation.errors import PolicyRefusal, WireError
from federation.training.jobs import Result
from federation.vault import ledger
from federation.vault.admission import Admission
from federation.vault.ledger import Entry
from federation.vault.noised import budget
from federation.vault.requests import LONGEST_NAME
from federation.vault.sealed import exploring as sealed_exploring
from federation.vault.sealed import rounds as sealed_rounds
from federation.vault.sealed import setup as sealed_setup
from federation.vault.sealed.reply import Reply
from federation.vault.sealed.store import SealStore
from federation.vault.vault import Vault
from federation.wire.frame import Frame, decode, digest, encode, read_header
from federation.wire.header import REQUEST

SETUP = {
    "sealed_keys": sealed_setup.keys,
    "sealed_deal": sealed_setup.deal,
    "explore_keys": sealed_exploring.keys,
    "explore_deal": sealed_exploring.deal,
}
ROUNDS = {
    "explore_sum": sealed_exploring.sum_,
    "explore_reveal": sealed_exploring.reveal,
    "explore_end": sealed_exploring.end,
    "sealed_round": sealed_rounds.round_,
    "sealed_reveal": sealed_rounds.reveal,
    "sealed_end": sealed_rounds.end,
}


def is_sealed(data: bytes) -> bool:
    """Whether a frame is of a sealed run. Raises WireError for what is no frame."""
    kind = read_header(data).kind
    return kind in SETUP or kind in ROUNDS


def admit(vault: Vault, data: bytes) -> Admission:
    """What a request asks for, or the stored reply to it. Raises SealError and what `Vault.admit` does."""
    frame = decode(data, bounds=REQUEST)
    run, number = _named(frame)
    if vault.identity is None:
        raise PolicyRefusal(f"{vault.country} takes part in no sealed run: its vault has no key of its own")
    store, request = SealStore(database=vault.database, country=vault.country, run=run), digest(data)
    given = store.reply(frame.kind, number, request)
    if given is not None:
        return Admission(reply=given)
    if frame.kind in SETUP:
        reply: Reply = SETUP[frame.kind](vault, vault.identity, store, frame)
    else:
        reply = ROUNDS[frame.kind](vault, vault.identity, store, frame, number)

    def finish(results: Sequence[Result]) -> bytes:
        made = reply.made(results)
        header = {"country": vault.country, "run": run, "round": number}
        answer = encode(Frame(kind=made.kind, header=header, arrays=made.arrays))
        charges = budget.seals(vault.database, vault.country, run, number) if made.kind == "sealed_round" else []
        ledger.enter(vault.database, _entry(vault.country, run, number, made, answer, charges, _packages(store)))
        store.keep_reply(frame.kind, number, request, answer)
        return answer

    return Admission(jobs=reply.jobs, finish=finish)


def _named(frame: Frame) -> tuple[str, int]:
    run, number = frame.header.get("run"), frame.header.get("round")
    if not isinstance(run, str) or not 0 < len(run) <= LONGEST_NAME or not run.isprintable():
        raise PolicyRefusal(f"a run must have a name of 1 to {LONGEST_NAME} printable characters")
    if type(number) is not int or not (number == 0 if frame.kind in SETUP else 1 <= number <= 2**31):
        raise WireError(f"a {frame.kind} of round {str(number)[:40]} is none")
    return run, number


def _packages(store: SealStore) -> dict[str, str]:
    """Packages of other people in the run's plan, which the first reply of a run keeps."""
    plan = store.get(0, "plan")
    return {} if plan is None else dict(json.loads(plan).get("packages", {}))


def _entry(
    country: str,
    run: str,
    number: int,
    made: Frame,
    answer: bytes,
    charges: Sequence[str],
    packages: Mapping[str, str],
) -> Entry:
    """What left, for the ledger: masked words and posts, of which nobody can read this country's part.

    charges: of a noised round, the seals of what it cost.
    """
    arrays = {name: list(value.shape) for name, value in made.arrays.items()}
    contents: dict[str, Any] = {"masked": True, "arrays": arrays} | ({"charges": list(charges)} if charges else {})
    contents |= {"packages": dict(packages)} if packages else {}
    return Entry(
        country=country,
        run=run,
        round=number,
        kind=made.kind,
        digest=digest(answer),
        bytes=len(answer),
        contents=contents,
    )
