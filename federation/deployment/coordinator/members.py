"""Members: the coordinator's files of enrolled nodes and of revoked keys.

home/members/VNM.json        enrolled
home/revoked/<sha256>.json   a key that is refused for good, whoever presents it
home/nodes.json              country -> Flower's number for the enrolled key, written by the running coordinator
"""

import json
from hashlib import sha256
from pathlib import Path

from federation.deployment.enrolment import Enrolment, Rotation
from federation.deployment.revocation import RevokedKeys, number_of_text
from federation.errors import DeploymentError
from tasks.files.atomic import write_atomically

MEMBERS, REVOKED, NODES = "members", "revoked", "nodes.json"


def enrol(home: Path, enrolment: Enrolment, rotation: Rotation | None = None) -> None:
    """Make a member. Raises DeploymentError for keys that were revoked, or a country that has others.

    A member of an earlier version gets the key of its vault: the file is signed by the courier's key, which stays.
    rotation: signatures of the keys before, which then are revoked.
    """
    if any(_revoked(home, key).exists() for key in _keys(enrolment)):
        raise DeploymentError(
            f"a key of {enrolment.country} ({enrolment.fingerprint}) was revoked and cannot come back; make new ones"
        )
    present = members(home)
    known = present.get(enrolment.country)
    upgraded = known is not None and not known.vault_key and known.public_key == enrolment.public_key
    rotated = known is not None and rotation is not None and rotation.replaces(known, enrolment)
    if known is not None and known != enrolment and not upgraded and not rotated:
        raise DeploymentError(
            f"{enrolment.country} is enrolled with {known.fingerprint}; "
            f"run `gotong keys revoke country={enrolment.country}` first if this one replaces it"
        )
    keys = set(_keys(enrolment))
    twin = next((m.country for m in present.values() if keys & set(_keys(m))), enrolment.country)
    if twin != enrolment.country:
        raise DeploymentError(f"this key is {twin}'s; every country has a key of its own")
    for key in set(_keys(known)) - keys if known is not None and rotated else ():
        write_atomically(_revoked(home, key), json.dumps(_alone(enrolment.country, key)).encode())
    write_atomically(home / MEMBERS / f"{enrolment.country}.json", json.dumps(enrolment.__dict__).encode())


def check_not_revoked(member: Enrolment, revoked: RevokedKeys | None) -> None:
    """Raise DeploymentError for a member with a key on the authority's list: an old backup may have brought it back."""
    if revoked is not None and any(number_of_text(key) in revoked.numbers for key in _keys(member)):
        raise DeploymentError(
            f"a key of {member.country} is on the list of revoked keys, and it is a member; run "
            f"`gotong keys revoke country={member.country}` again, or enrol new keys"
        )


def revoked_numbers(home: Path) -> list[int]:
    """The numbers of all keys that were revoked here."""
    gone = [_read(path) for path in sorted((home / REVOKED).glob("*.json"))]
    return [number_of_text(key) for member in gone for key in _keys(member)]


def was_revoked(home: Path, country: str) -> bool:
    """Whether keys of this country were revoked here."""
    return any(_read(path).country == country for path in (home / REVOKED).glob("*.json"))


def revoke(home: Path, country: str) -> Enrolment:
    """Revoke a member's keys for good. Raises DeploymentError if the country is no member."""
    present = members(home)
    if country not in present:
        raise DeploymentError(f"{country} is not enrolled; enrolled are {', '.join(sorted(present)) or 'none'}")
    member = present[country]
    for key in _keys(member):
        write_atomically(_revoked(home, key), json.dumps(member.__dict__).encode())
    (home / MEMBERS / f"{country}.json").unlink()
    return member


def members(home: Path) -> dict[str, Enrolment]:
    """country -> enrolment. Raises DeploymentError for a damaged file."""
    return {member.country: member for path in sorted((home / MEMBERS).glob("*.json")) for member in [_read(path)]}


def nodes(home: Path) -> dict[str, tuple[int, str]]:
    """country -> (Flower's node id, the public key it stands for), as far as the coordinator has registered them."""
    path = home / NODES
    if not path.exists():
        return {}
    return {country: (int(node), str(key)) for country, (node, key) in json.loads(path.read_text()).items()}


def write_nodes(home: Path, known: dict[str, tuple[int, str]]) -> None:
    """Write the numbers of the registered keys."""
    write_atomically(home / NODES, json.dumps(known, sort_keys=True).encode())


def _keys(enrolment: Enrolment) -> list[str]:
    return [key for key in (enrolment.public_key, enrolment.vault_key) if key]


def _alone(country: str, key: str) -> dict[str, str]:
    """What is kept of one revoked key of a country that goes on with others."""
    return {"country": country, "public_key": key, "vault_key": ""}


def _revoked(home: Path, key: str) -> Path:
    return home / REVOKED / f"{sha256(key.encode()).hexdigest()}.json"


def _read(path: Path) -> Enrolment:
    try:
        return Enrolment(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise DeploymentError(f"{path} is damaged; restore it from a backup or enrol the country again") from None
