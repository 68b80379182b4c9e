"""A run's secret, from which the noise of its rounds is made: a vault repeats a release and never makes another of it.

A vault that was restored from a copy may be asked for a round again. Other noise on the same numbers would hide less,
and the copy's budget would know of one charge. So the noise follows from a secret of the run and from all that the
numbers rest on: the same request has the same reply, to the bit, and another request has noise of its own.

The secret comes from the system's random bytes, stays in the vault's file, is in no backup, and is erased with the end
of the run: from then on nobody takes the noise off what left.
"""

from os import urandom

from federation.policy.keys import Policy
from federation.privacy.mechanism import Noise, noise_from
from federation.seals.masks import digest
from federation.vault.requests import Request, numpy_of
from federation.vault.sealed.basis import basis
from federation.vault.sealed.store import SealStore
from federation.wire.model import model_digest

NOISE = "noise"  # its name in the store
SIZE = 32  # bytes


def new_secret() -> bytes:
    """(32,) random bytes of the system."""
    return urandom(SIZE)


def noise_of(store: SealStore, request: Request, fingerprint: str, policy: Policy) -> Noise:
    """Of the reply to one request, inside the transaction that keeps it. fingerprint: of the country's records."""
    secret = store.get(0, NOISE)
    if secret is None:
        store.put(0, NOISE, secret := new_secret())
    rests_on = (request.plan_digest, model_digest(numpy_of(request.weights)), basis(fingerprint, policy))
    return noise_from(digest(secret, store.country, store.run, request.round, request.kind, *rests_on))


def forget(store: SealStore) -> None:
    """The run is over."""
    store.forget(0, NOISE)
