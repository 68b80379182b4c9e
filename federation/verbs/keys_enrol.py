"""`gotong keys enrol from=FILE`: a node becomes a member."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.composition.compose import compose
from federation.composition.written import written
from federation.deployment.coordinator import members
from federation.deployment.enrolment import read_sent
from federation.errors import DeploymentError
from federation.verbs.word_checks import required


@dataclass
class Admission:
    """file (written from=): the enrolment file that a node made, or a list of them."""

    file: Any = written("from", "")  # noqa: RUF009 (it returns a field)
    home: str = "coordinator"


def run(words: Sequence[str]) -> None:
    """Check the file and enrol its country; a running coordinator takes it up within seconds."""
    compose("keys enrol", words, Admission, enrol)


def enrol(admission: Admission) -> None:
    """Raises DeploymentError for a file that cannot be trusted or a key that was revoked."""
    files = admission.file if isinstance(admission.file, list) else [admission.file]
    for file in files or [""]:
        named = required(str(file), "say which file the node made: gotong keys enrol from=VNM.enrolment.json")
        _enrol(Path(admission.home), Path(named))


def _enrol(home: Path, path: Path) -> None:
    enrolment, rotation = read_sent(path)
    if not home.is_dir():
        raise DeploymentError(
            f"home={home} is no coordinator's folder; name that folder, or make it: gotong keys coordinator home={home}"
        )
    before = members.members(home).get(enrolment.country)
    members.enrol(home, enrolment, rotation)
    if before == enrolment:
        print(f"{enrolment.country} was enrolled already, with the same keys: {enrolment.fingerprint}")
        return
    if before is not None and before.vault_key:
        print(f"{enrolment.country} has new keys, which its old ones signed: {enrolment.fingerprint}")
        print(f"The old ones, {before.fingerprint}, cannot come back.")
        return
    print(f"{enrolment.country} is enrolled. Its node must print the same fingerprints: {enrolment.fingerprint}")
