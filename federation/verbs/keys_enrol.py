"""`gotong keys enrol from=FILE`: a node becomes a member."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from federation.composition.compose import compose
from federation.deployment.coordinator import members
from federation.deployment.enrolment import read_sent
from federation.errors import DeploymentError
from federation.verbs.word_checks import renamed


@dataclass
class Admission:
    """file: the enrolment file, or a list of them; `from=` on the command line, which Python cannot name a field."""

    file: Any = MISSING
    home: str = "coordinator"


def run(words: Sequence[str]) -> None:
    """Check the file and enrol its country; a running coordinator takes it up within seconds."""
    compose("keys enrol", renamed(words, "from", "file"), Admission, enrol)


def enrol(admission: Admission) -> None:
    """Raises DeploymentError for a file that cannot be trusted or a key that was revoked."""
    files = admission.file if isinstance(admission.file, list) else [admission.file]
    for file in files:
        _enrol(Path(admission.home), Path(str(file)))


def _enrol(home: Path, path: Path) -> None:
    enrolment, rotation = read_sent(path)
    if not home.is_dir():
        raise DeploymentError(
            f"home={home} is no coordinator's folder; name that folder, or make it: gotong keys coordinator home={home}"
        )
    before = members.members(home).get(enrolment.country)
    members.enrol(home, enrolment, rotation)
    if before is not None and before.vault_key and before != enrolment:
        print(f"{enrolment.country} has new keys, which its old ones signed: {enrolment.fingerprint}")
        print(f"The old ones, {before.fingerprint}, cannot come back.")
        return
    print(f"{enrolment.country} is enrolled. Its node must print the same fingerprints: {enrolment.fingerprint}")
