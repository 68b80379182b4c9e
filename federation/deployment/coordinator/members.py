"""Members: the coordinator's files of enrolled nodes and of revoked keys.

home/members/VNM.json        enrolled
home/revoked/<sha256>.json   a key that is refused for good, whoever presents it
home/nodes.json              country -> Flower's number for the enrolled key, written by the running coordinator
"""

import json
from hashlib import sha256
from pathlib import Path

from federation.deployment.enrolment import Enrolment
from federation.errors import DeploymentError
from tasks.files.atomic import write_atomically

MEMBERS, REVOKED, NODES = "members", "revoked", "nodes.json"


def enrol(home: Path, enrolment: Enrolment) -> None:
    """Make a member. Raises DeploymentError for a key that was revoked, or a country that has another one."""
    if _revoked(home, enrolment).exists():
        raise DeploymentError(
            f"the key {enrolment.fingerprint} of {enrolment.country} was revoked and cannot come back; make a new one"
        )
    present = members(home)
    known = present.get(enrolment.country)
    if known is not None and known != enrolment:
        raise DeploymentError(
            f"{enrolment.country} is enrolled with the key {known.fingerprint}; "
            f"run `gotong keys revoke country={enrolment.country}` first if this one replaces it"
        )
    twin = next((m.country for m in present.values() if m.public_key == enrolment.public_key), enrolment.country)
    if twin != enrolment.country:
        raise DeploymentError(f"this key is {twin}'s; every country has a key of its own")
    write_atomically(home / MEMBERS / f"{enrolment.country}.json", json.dumps(enrolment.__dict__).encode())


def revoke(home: Path, country: str) -> Enrolment:
    """Revoke a member's key for good. Raises DeploymentError if the country is no member."""
    present = members(home)
    if country not in present:
        raise DeploymentError(f"{country} is not enrolled; enrolled are {', '.join(sorted(present)) or 'none'}")
    member = present[country]
    write_atomically(_revoked(home, member), json.dumps(member.__dict__).encode())
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


def _revoked(home: Path, enrolment: Enrolment) -> Path:
    return home / REVOKED / f"{sha256(enrolment.public_key.encode()).hexdigest()}.json"


def _read(path: Path) -> Enrolment:
    try:
        return Enrolment(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise DeploymentError(f"{path} is damaged; restore it from a backup or enrol the country again") from None
