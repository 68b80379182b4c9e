"""Who a vault is to the others: its key, and the members whose keys its operator accepted."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.errors import PolicyRefusal
from federation.seals.masks import seed


@dataclass(frozen=True, kw_only=True)
class Identity:
    """key: signs this vault's posts. roster: country -> fingerprint of the key that its operator accepted, as of now.

    What the coordinator enrolled decides nothing here.
    """

    key: Ed25519PrivateKey
    roster: Callable[[], Mapping[str, str]]

    @property
    def public(self) -> bytes:
        """The public half of the key."""
        return self.key.public_key().public_bytes_raw()

    def check(self, country: str, members: Mapping[str, bytes]) -> None:
        """Raise PolicyRefusal for members of which one is not on the roster, or has another key than was accepted."""
        known = {**self.roster(), country: fingerprint(self.public)}
        for member, key in members.items():
            if member not in known:
                raise PolicyRefusal(
                    f"{country} has accepted no key of {member}; compare {fingerprint(key)} with what {member}'s "
                    f"operator reads out, then `gotong node roster accept` on {country}'s node"
                )
            if fingerprint(key) != known[member]:
                raise PolicyRefusal(
                    f"{country} has accepted another key of {member} than this run names ({fingerprint(key)}); find "
                    f"out why before you accept it anew"
                )


def fingerprint(key: bytes) -> str:
    """Of a public Ed25519 key of 32 bytes, as OpenSSH and `gotong keys node` print it."""
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + len(key).to_bytes(4, "big") + key
    return f"SHA256:{base64.b64encode(sha256(blob).digest()).decode().rstrip('=')}"


def simulated(secret: bytes, keys: Path) -> Identity:
    """The identity of a country on a machine that simulates all of them, from the secret that it has there.

    keys: folder of all their secrets. One person's machine: there is nobody to compare fingerprints with.
    """

    def roster() -> dict[str, str]:
        return {path.stem: fingerprint(_simulated_key(path.read_bytes()).public_key().public_bytes_raw())
                for path in keys.glob("*.key")}  # fmt: skip

    return Identity(key=_simulated_key(secret), roster=roster)


def _simulated_key(secret: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed(secret, "key of a simulated vault"))
