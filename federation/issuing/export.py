"""From the registry to one file: the champion of a region and task, as nodes take it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from federation.coordinator import checkpoint
from federation.deployment import certificates
from federation.errors import ChampionError, ConfigError
from federation.issuing.champion_file import LARGEST, SUFFIX, Champion, check_fits, opened, packed, read
from federation.runs import folder as run_folder
from federation.tracking import registry
from federation.tracking.model import WEIGHTS
from federation.tracking.registry import Version
from federation.tracking.store import Store
from federation.wire.frame import Arrays
from federation.wire.model import model_digest
from tasks.files.atomic import write_atomically

FOLDER = "champions"  # of a coordinator's home: what its gateway serves
# Settings of whoever ran it: no forecast needs them, and they may name folders, servers and passwords.
BEGINNINGS = ("start_from", "start_from_weights", "initial_weights")
OPERATORS = ("tracking", "runs", "out", "resume", "sweep", *BEGINNINGS, "champion", "device")


def export(
    store: Store, name: str, *, runs: str, to: Path | None, home: Path, alias: str = registry.CHAMPION
) -> tuple[Path, Champion, bool]:
    """Write the file of a registered model's champion: its path, what it states, and whether it is new.

    name: of the registered model (`registry.model_name`). runs: the folder of runs. home: the coordinator's, whose key
    signs; a home without ca.pem signs nothing, and only simulations take such a file. to: None is the place in the home
    from which the gateway serves it. alias: champion | previous. The same champion is not written again.

    Raises ConfigError where there is no champion, or where its run is not the one that was registered, ChampionError
    for a run that keeps weights in the vaults.
    """
    found = registry.holders(store, name).get(alias)
    if found is None:
        raise ConfigError(f"{name} has no {alias}; offer a finished run: gotong champion offer run=NAME")
    folder = run_folder.existing(runs, found.run)
    weights, values = checkpoint.load_model(folder), checkpoint.read_header(folder / checkpoint.FILE)["settings"]
    _check_registered(folder, found, weights)
    signer = certificates.signer_of(home) if (home / "ca.pem").exists() else None
    champion = _stated(values, found, registry.versions(store, name))
    settings = _without_operators(values)
    check_fits(settings, weights)
    content = packed(champion, weights, settings, signer)
    if len(content) > LARGEST:
        raise ConfigError(f"run {found.run} has {len(content):,} bytes, and no node takes more than {LARGEST:,}")
    stated = opened(content).champion
    path = home / FOLDER / file_name(stated.region, stated.task) if to is None else to
    if path.exists() and _same(path, stated):
        return path, stated, False
    try:
        write_atomically(path, content)
    except OSError as error:
        raise ConfigError(f"to={path} cannot be written ({error.strerror}); choose another file") from None
    return path, stated, True


def file_name(region: str, task: str) -> str:
    """REGION-TASK.champion, of letters, digits and few signs."""
    return re.sub(r"[^\w.-]", "_", f"{region}-{task}", flags=re.ASCII).lstrip(".") + SUFFIX


def _stated(values: Mapping[str, Any], version_: Version, versions: list[Version]) -> Champion:
    tags = version_.tags
    back = [
        int(each.number) for each in versions if each.tags.get(registry.REASON, "").startswith(registry.ROLLED_BACK)
    ]
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    return Champion(
        region=values["region"]["name"],
        task=values["task"]["name"],
        run=version_.run,
        version=int(version_.number),
        model="",
        decided_at=tags.get(registry.AT, now),
        signed_at=now,
        keep=tuple(tags.get(registry.KEEP, "").split()),
        kind=tags.get(registry.KIND, ""),
        reason=" ".join(tags.get(registry.REASON, "").split()),
        rolled_back=tuple(back),
        software=version("gotong"),
        frame="",
        certificate="",
    )


def _check_registered(folder: Path, version_: Version, weights: Arrays) -> None:
    """Raise ConfigError unless the run's folder still has the weights that were registered."""
    logged = folder / "model" / WEIGHTS
    same = logged.exists() and sha256(logged.read_bytes()).hexdigest() == version_.digest
    if same:
        with np.load(logged, allow_pickle=False) as file:
            same = model_digest(dict(file)) == model_digest(weights)
    if not same:
        raise ConfigError(
            f"the model in {folder} is not that of version {version_.number} in the registry; restore the run's folder"
        )


def _without_operators(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a forecast needs them; `data` says no more than whether there was one."""
    kept = {key: value for key, value in values.items() if key not in OPERATORS}
    return kept | {"data": None if values.get("data") is None else "data"}


def _same(path: Path, champion: Champion) -> bool:
    """Whether a file states the same already; when it was signed does not count."""
    try:
        return replace(read(path).champion, signed_at=champion.signed_at) == champion
    except ChampionError:
        return False
