"""A champion in one file, signed by its coordinator: from the registry to the nodes, over any carrier.

Layout, little-endian: magic `GTCH`, u16 version, u32 length of the statement, statement (canonical JSON, RFC 8785),
Ed25519 signature of the statement (64 bytes; zeros where nobody signed), frame. The frame holds the model and the
settings that a forecast needs; the statement names its SHA-256. Nothing in the file is a path.
"""

import struct
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.composition.restore import own_model_plan, parameter_count, restore
from federation.coordinator import checkpoint
from federation.deployment import certificates
from federation.deployment.revocation import RevokedKeys, number_of
from federation.errors import ChampionError, ConfigError, PackError, WireError
from federation.pack.canonical import canonical, parse, read_bounded
from federation.settings.schema import Settings
from federation.wire.frame import Arrays, Frame, decode, encode
from federation.wire.model import model_digest
from tasks.errors import SettingError
from tasks.models.weights import trainable
from tasks.registry import TASKS

MAGIC, VERSION = b"GTCH", 1
PREFIX = struct.Struct("<4sHI")
CONTEXT = b"gotong champion 1\n"  # before what is signed: a signature made for another purpose does not fit
SIGNATURE = 64  # bytes
UNSIGNED = bytes(SIGNATURE)
LONGEST = 2**17  # bytes of a statement
LARGEST = 256 * 2**20  # bytes of a file; the largest model here has a few MiB
MOST_PARAMETERS = LARGEST // 4
SUFFIX = ".champion"


@dataclass(frozen=True, kw_only=True)
class Champion:
    """What a coordinator states of its champion.

    version: its number in the registry. model: digest of the weights. kind, reason, decided_at: of the decision.
    keep: countries that keep the champion before. rolled_back: numbers of versions that were taken back.
    signed_at: UTC, ISO 8601. software: the version of Gotong that wrote it. frame: SHA-256.
    certificate: of the signer, DER in base64; "" where nobody signed.
    """

    region: str
    task: str
    run: str
    version: int
    model: str
    decided_at: str
    signed_at: str
    keep: tuple[str, ...]
    kind: str
    reason: str
    rolled_back: tuple[int, ...]
    software: str
    frame: str
    certificate: str


@dataclass(frozen=True, kw_only=True)
class ChampionFile:
    """A file as it came; nothing in it is to be believed before `verify`. content: all its bytes, raw: the statement's.

    digest: SHA-256 of the content.
    """

    champion: Champion
    content: bytes
    raw: bytes
    signature: bytes
    frame: bytes
    digest: str

    @property
    def is_signed(self) -> bool:
        return self.signature != UNSIGNED

    def verify(self, authority: x509.Certificate, revoked: RevokedKeys | None, at: datetime) -> None:
        """Raise ChampionError unless a key that the authority certified for requests, not revoked, signed it.

        at: UTC, the time at which the signer's certificate must be valid.
        """
        if not self.is_signed:
            raise ChampionError("nobody signed it; fetch it from the coordinator again")
        try:
            certificate = b64decode(self.champion.certificate, validate=True)
        except ValueError:
            raise ChampionError("it comes without the certificate of its signer") from None
        key = certificates.request_key(certificate, authority, at)
        if revoked is not None and number_of(key) in revoked.numbers:
            raise ChampionError("the key that signed it was revoked; let the coordinator export it again")
        try:
            key.verify(self.signature, CONTEXT + self.raw)
        except InvalidSignature:
            raise ChampionError("its signature does not fit: it was changed on the way; fetch it again") from None


def packed(
    champion: Champion,
    weights: Arrays,
    settings: Mapping[str, Any],
    signer: tuple[Ed25519PrivateKey, x509.Certificate] | None,
) -> bytes:
    """The bytes of a file. `model`, `frame` and `certificate` of the champion are set here. signer: None signs nothing.

    Raises WireError for settings that are no JSON.
    """
    arrays = {f"model/{name}": value for name, value in weights.items()}
    frame = encode(Frame(kind="champion", header={"run": champion.run, "settings": dict(settings)}, arrays=arrays))
    certificate = "" if signer is None else b64encode(signer[1].public_bytes(serialization.Encoding.DER)).decode()
    values = asdict(champion) | {
        "model": model_digest(weights),
        "frame": sha256(frame).hexdigest(),
        "certificate": certificate,
    }
    raw = canonical(values)
    signature = UNSIGNED if signer is None else signer[0].sign(CONTEXT + raw)
    return PREFIX.pack(MAGIC, VERSION, len(raw)) + raw + signature + frame


def read(path: Path) -> ChampionFile:
    """A file, unverified. Raises ChampionError for one that is none, in memory bounded by LARGEST."""
    if not path.is_file():  # a pipe would be waited for
        raise ChampionError(f"{path} is not there, or no file")
    try:
        return opened(read_bounded(path, LARGEST))
    except PackError as error:
        raise ChampionError(str(error)) from None
    except ChampionError as error:
        raise ChampionError(f"{path}: {error}") from None


def opened(content: bytes) -> ChampionFile:
    """The parts of a file's bytes, unverified. Raises ChampionError."""
    if len(content) < PREFIX.size or content[:4] != MAGIC:
        raise ChampionError("this is no champion's file; the coordinator writes one: gotong champion export")
    _, version, length = PREFIX.unpack_from(content)
    if version != VERSION:
        raise ChampionError(
            f"it is written in version {version} of the form, and {VERSION} is read here; install the coordinator's "
            f"version of Gotong"
        )
    start, end = PREFIX.size, PREFIX.size + length
    if length > LONGEST or len(content) < end + SIGNATURE:
        raise ChampionError("it is cut short; fetch it again")
    frame = content[end + SIGNATURE :]
    champion = _stated(content[start:end])
    if sha256(frame).hexdigest() != champion.frame:
        raise ChampionError("its model is not the one that was signed: it was changed on the way; fetch it again")
    return ChampionFile(
        champion=champion,
        content=content,
        raw=content[start:end],
        signature=content[end : end + SIGNATURE],
        frame=frame,
        digest=sha256(content).hexdigest(),
    )


def unpack(file: ChampionFile, folder: Path) -> Path:
    """Write the run as far as a forecast needs it into a folder of its name, which is returned.

    Raises ChampionError for a frame of another version, and for weights that are not those of the statement.
    """
    champion = file.champion
    try:
        frame = decode(file.frame)
    except WireError as error:
        raise ChampionError(f"it was written by Gotong {champion.software}: {error}") from None
    weights = frame.group("model")
    if model_digest(weights) != champion.model or frame.header.get("run") != champion.run:
        raise ChampionError("its model is not the one that it names; let the coordinator export it again")
    check_fits(frame.header["settings"], weights)
    run = folder / champion.run
    run.mkdir()
    checkpoint.save_header(run, {"run": champion.run, "settings": frame.header["settings"]})
    checkpoint.save_model(run, champion.run, weights)
    return run


def check_fits(values: Mapping[str, Any], weights: Arrays) -> None:
    """Raise ChampionError for settings of a model that is too large for this file, or another than its weights are of.

    Nothing of it is built in memory before: not even a coordinator decides how much of that a forecast takes.
    """
    try:
        settings = restore(Settings, values, "champion", models=False)
        plan = settings.plan()
        plans = (plan, *(own_model_plan(plan, country) for country in plan.local))
        largest = max(map(parameter_count, plans))
    except (ConfigError, SettingError) as error:
        raise ChampionError(f"its settings are none of this version of Gotong: {error}") from None
    if largest > MOST_PARAMETERS:
        raise ChampionError(f"its model has {largest:,} parameters, and {MOST_PARAMETERS:,} may be")
    with torch.device("meta"):
        model = trainable(TASKS[plan.task.name].build_model(plan.task, plan.seed))
    if {name: tuple(each.shape) for name, each in model.items()} != {
        name: each.shape for name, each in weights.items()
    }:
        raise ChampionError(
            "its weights are not those of the model in its settings; take a run that keeps none at home"
        )


def is_name(text: str) -> bool:
    """Whether a text can name a run, a task or a region in a file's name."""
    return 0 < len(text) <= 100 and not text.startswith(".") and all(each.isalnum() or each in "._-" for each in text)


def _stated(raw: bytes) -> Champion:
    try:
        values = parse(raw)
        champion = Champion(**{**values, "keep": tuple(values["keep"]), "rolled_back": tuple(values["rolled_back"])})
        sound = _is_sound(champion)
    except (PackError, TypeError, KeyError, AttributeError, ValueError, OverflowError):
        raise ChampionError(
            "it does not say what it is in the form of this version; install the coordinator's"
        ) from None
    if not sound:
        raise ChampionError("it says what no coordinator writes; let the coordinator export it again")
    return champion


def _is_sound(champion: Champion) -> bool:
    texts = [value for key, value in asdict(champion).items() if key not in ("version", "keep", "rolled_back")]
    numbers = (champion.version, *champion.rolled_back)
    times = [datetime.fromisoformat(at) for at in (champion.signed_at, champion.decided_at)]
    for at in times:
        at.astimezone(UTC)  # raises for one that lies beyond all years
    return (
        all(at.tzinfo is not None for at in times)
        and all(type(each) is str and each.isprintable() for each in (*texts, *champion.keep))
        and all(type(each) is int and each > 0 for each in numbers)
        and all(map(is_name, (champion.task, champion.run)))
        and 0 < len(champion.region) <= 100
    )
