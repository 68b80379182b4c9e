"""A courier of another user obtains nothing but the vault's replies."""

import grp
import json
import os
import pwd
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from federation.deployment.node.process import children, prepare
from federation.deployment.node.settings import NodeSettings
from federation.deployment.node.vault_line import exchange
from federation.deployment.node.vault_process import read_policy
from federation.deployment.node.vault_process import run as serve
from federation.vault import terms as vault_terms
from federation.vault.vault import Vault
from federation.wire.frame import Frame, encode
from tests.deployment.node.country import ASK, records, settings_of
from tests.deployment.signing import signer_in


def _as(user: str, group: str, act: Callable[[], str]) -> tuple[int, int]:
    """A fork of this process as another user, with no other groups; its id, and where its output can be read."""
    owner, shared = pwd.getpwnam(user), grp.getgrnam(group)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:  # nothing new can be imported here: this Python may lie where only root can read
        os.close(reading)
        os.setgroups([])
        os.setgid(shared.gr_gid)
        os.setuid(owner.pw_uid)
        os.umask(0o077)
        os.write(writing, act().encode())
    except BaseException as error:
        os.write(writing, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(0)


def _output(pid: int, reading: int) -> str:
    with os.fdopen(reading) as file:
        text = file.read()
    os.waitpid(pid, 0)
    return text


def _attack(home: Path, data: Path, vault: int) -> str:
    """What a courier that was taken over obtains by itself, as its own user: one word for everything."""
    got = []
    known = [home / "vault" / "vault.sqlite", home / "vault" / "fingerprint.key", data / "health.csv"]
    known += [home / "vault" / "vault.key"]
    for path in [
        *home.glob("vault/*"),
        *data.glob("*"),
        *known,
        *(Path(f"/proc/{vault}/{n}") for n in ("mem", "environ")),
    ]:
        with suppress(OSError):
            got += [str(path)] if path.open("rb").read(1) else []
    forbidden: dict[str, Callable[[], object]] = {
        "list": lambda: list(Path(f"/proc/{vault}/fd").iterdir()),
        "kill": lambda: os.kill(vault, signal.SIGTERM),
        "plant": lambda: (home / "vault" / "paused").write_text("x"),
        "change": lambda: (data / "policy.toml").write_text("x"),
        "move": lambda: (home / "line" / "vault.sock").rename(home / "line" / "mine"),
        "replace": lambda: (home / "line" / "vault.sock").unlink(),
    }
    for name, act in forbidden.items():
        with suppress(OSError):
            act()
            got.append(name)
    return " ".join(got) or "nothing"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two other users")
def test_a_courier_of_another_user_obtains_nothing_but_the_vaults_replies() -> None:
    for place in (Path(__file__), Path(sys.prefix, "bin")):
        if closed := [each for each in place.resolve().parents if not each.stat().st_mode & 0o001]:
            pytest.skip(f"other users cannot read the code: {closed[0]} is closed to them")
    with TemporaryDirectory(prefix="gotong-") as folder:
        base, vault_user, courier_user = Path(folder), "daemon", "nobody"
        base.chmod(0o711)
        data, home = base / "data", base / "n"
        data.mkdir()
        records(data)
        for path in (data, *data.iterdir()):
            os.chown(path, pwd.getpwnam(vault_user).pw_uid, -1)
        data.chmod(0o700)
        home.mkdir()
        signer = signer_in(home, "SGP")
        settings = settings_of(base, data=str(data), vault_user=vault_user, courier_user=courier_user)
        prepare(settings)
        received = NodeSettings(**json.loads(children(settings)[0].command[-1]))
        vault, heard = _as(vault_user, vault_user, lambda: _served(received))
        try:
            until = time.monotonic() + 30
            while not (home / "line" / "vault.sock").exists():
                assert time.monotonic() < until
                assert os.waitpid(vault, os.WNOHANG) == (0, 0), os.read(heard, 1000)
                time.sleep(0.05)
            line, shared = settings.socket, str(settings.socket_group)
            assert _output(*_as(courier_user, shared, lambda: _attack(home, data, vault))) == "nothing"
            request = signer.request(ASK)
            reply = _output(*_as(courier_user, shared, lambda: exchange(line, request, lambda: None).hex()))
            assert signer.frame(bytes.fromhex(reply)).hex() == _terms(settings)
            refused = _output(*_as("bin", shared, lambda: exchange(line, ASK, lambda: None).hex()))
            assert "VaultAbsentError" in refused  # in the group, but no user that may call
            outside = _output(*_as(courier_user, "daemon", lambda: exchange(line, ASK, lambda: None).hex()))
            assert "VaultAbsentError" in outside  # the right user, without the group
            with sqlite3.connect(home / "vault" / "vault.sqlite") as database:
                rows = database.execute("SELECT uid, kind FROM arrivals").fetchall()
            assert rows == [(pwd.getpwnam(courier_user).pw_uid, "terms")]
        finally:
            os.kill(vault, signal.SIGKILL)
            os.waitpid(vault, 0)
            os.close(heard)


def _served(settings: NodeSettings) -> str:
    serve(settings)
    return "ended"


def _terms(settings: NodeSettings) -> str:
    policy = read_policy(settings.policy_file, settings.country)
    with sqlite3.connect(":memory:") as database:
        vault = Vault(
            country=settings.country, folder=settings.data_folder, policy=policy, database=database, key=bytes(32)
        )
        header = vault_terms.terms(vault, None)
        return encode(Frame(kind="terms", header=header)).hex()
