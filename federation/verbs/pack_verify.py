"""`gotong pack verify FILE roster=ROSTER`: what of a compliance pack holds, what is missing, what does not hold."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.errors import ConfigError
from federation.pack.canonical import read_bounded
from federation.pack.findings import exit_code
from federation.pack.page import FIRST, pack_in
from federation.pack.sections import LARGEST_PACK, digest_of, from_bytes
from federation.pack.verify import verify
from federation.policy.file import ROSTER, roster_in
from federation.verbs.word_checks import bare_word_as, required

LARGEST_PAGE = 4 * LARGEST_PACK


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
    raw = read_bounded(path, LARGEST_PAGE)
    pack = pack_in(raw) if raw.startswith(FIRST) else from_bytes(raw)
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
    except (ValueError, OSError) as error:
        raise ConfigError(f"roster={path}: {error}; a line holds a country and a fingerprint") from None
