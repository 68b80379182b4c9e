"""Champions of a small run of this machine, signed by authorities of this machine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from federation.coordinator import checkpoint
from federation.deployment import certificates
from federation.issuing.champion_file import Champion, packed

BEGAN = datetime.now(UTC) - timedelta(hours=1)


def stated(version: int = 1, **changes: object) -> Champion:
    """Of run `june`; each version is signed a minute after the one before."""
    at = (BEGAN + timedelta(minutes=version)).isoformat(timespec="microseconds")
    champion = Champion(
        region="ASEAN",
        task="health",
        run="june",
        version=version,
        model="",
        decided_at=at,
        signed_at=at,
        keep=(),
        kind="refresh",
        reason="the first champion",
        rolled_back=(),
        software="0.2.0",
        frame="",
        certificate="",
    )
    return replace(champion, **changes)  # type: ignore[arg-type]


def written(to: Path, run: Path, champion: Champion, coordinator: Path | None = None) -> Path:
    """A champion's file of a finished run. coordinator: the home whose key signs; None: nobody's."""
    settings = checkpoint.read_header(run / checkpoint.FILE)["settings"]
    signer = None if coordinator is None else certificates.signer_of(coordinator)
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(packed(champion, checkpoint.load_model(run), settings, signer))
    return to
