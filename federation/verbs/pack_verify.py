"""`gotong pack verify FILE roster=ROSTER`: what of a compliance pack holds, what is missing, what does not hold."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.errors import ConfigError
from federation.pack.findings import exit_code
from federation.pack.page import read_pack
from federation.pack.sections import digest_of
from federation.pack.verify import verify
from federation.policy.file import ROSTER, roster_in
from federation.verbs.word_checks import bare_word_as, required


@dataclass  # not frozen: Hydra merges it
class VerifySettings:
    """path: the pack, JSON or page; a bare word. roster: file of accepted keys, or its folder.

    coordinator: fingerprint of the coordinator's key, as it was read out; none: countries that signed vouch for it.
    """

    path: str | None = None
    roster: str | None = None
    coordinator: str = ""


def run(words: Sequence[str]) -> None:
    """Print a line a finding; exit code 1 where something does not hold, 2 where something is missing."""
    compose("pack verify", bare_word_as(words, "path"), VerifySettings, _verify)


def _verify(settings: VerifySettings) -> None:
    """Raises PackError for a file that is no pack, ConfigError for a roster that cannot be read."""
    path = Path(required(settings.path, "say which: gotong pack verify FILE roster=roster.txt"))
    pack = read_pack(path)
    findings = list(verify(pack, _roster(settings.roster), settings.coordinator))
    print(f"{path.name}: a pack with the SHA-256 {digest_of(pack)}")
    for finding in findings:
        print(finding)
    if code := exit_code(findings):
        sys.exit(code)


def _roster(given: str | None) -> dict[str, str]:
    """Country -> fingerprint; nothing where none is given."""
    if given is None:
        return {}
    path = Path(given) / ROSTER if Path(given).is_dir() else Path(given)
    try:
        return roster_in(path)
    except OSError as error:
        raise ConfigError(f"roster={path}: {error.strerror}; give the file of accepted keys, or its folder") from None
    except ValueError as error:
        raise ConfigError(f"roster={path}: {error}; a line holds a country and a fingerprint") from None
