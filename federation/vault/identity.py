"""Who a vault is to the others: its key, and the keys of members that its operator accepted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.errors import PolicyRefusal

FILE = "roster.json"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """key: signs this vault's posts. roster: country -> fingerprint of the key that its operator accepted."""

    key: Ed25519PrivateKey
    roster: Mapping[str, str] = field(default_factory=dict)

    @property
    def public(self) -> bytes:
        """The public half of the key."""
        return self.key.public_key().public_bytes_raw()

    def check(self, country: str, members: Mapping[str, bytes]) -> None:
        """Raise PolicyRefusal for members of which one is not on the roster, or has another key than was accepted."""
        known = {**self.roster, country: fingerprint(self.public)}
        for member, key in members.items():
            if member not in known:
                raise PolicyRefusal(
                    f"{country} has accepted no key of {member}; compare its fingerprint with {member}'s operator, "
                    f"then `gotong node roster accept {member} FINGERPRINT` on {country}'s node"
                )
            if fingerprint(key) != known[member]:
                raise PolicyRefusal(
                    f"{country} has accepted another key of {member} than this run names ({fingerprint(key)}); find "
                    f"out why before you accept it anew"
                )


def fingerprint(key: bytes) -> str:
    """Of a public key, as people compare it."""
    return f"SHA256:{sha256(key).hexdigest()}"


def read_roster(path: Path) -> dict[str, str]:
    """Country -> fingerprint; none where there is no file. Raises PolicyRefusal for one that cannot be read."""
    try:
        table: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise PolicyRefusal(f"{path} cannot be read ({error}); restore it, or accept the members' keys anew") from None
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise PolicyRefusal(f"{path} is no roster; restore it, or accept the members' keys anew")
    return table
