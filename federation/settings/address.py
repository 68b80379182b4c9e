"""Addresses of tracking servers: passwords in them are shown nowhere, and kept in one file that its owner alone reads.

Settings hold the address as it is shown, `postgresql://user:***@host/db`, so that whatever prints, sends or writes
settings is clean without knowing of it. The whole address rides along in this process's memory, and lies in the run's
folder for `resume` and `replay`.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from federation.errors import ConfigError, TrackingError, without_passwords

FILE = "tracking.address"  # in a run's folder, mode 600, of a run whose address holds a password
DRIVERS = {"postgresql": "psycopg", "postgresql+psycopg": "psycopg", "postgresql+psycopg2": "psycopg2"}  # by scheme
INSTALLS = {"psycopg": "'gotong[postgresql]'", "psycopg2": "psycopg2-binary"}  # by driver
HIDDEN = ":***@"  # where a password was
HIDDEN_VALUE = "=***"


class Address(str):
    """An address with a password, as it is shown. whole: with it."""

    whole: str

    def __new__(cls, whole: str) -> "Address":
        """whole: with its password."""
        address = super().__new__(cls, without_passwords(whole))
        address.whole = whole
        return address

    def __deepcopy__(self, memo: object) -> "Address":
        return self


def check_driver(address: str) -> None:
    """Raise ConfigError for an address of PostgreSQL whose driver is not installed, or of another spelling."""
    scheme = address.partition("://")[0]
    if scheme == "postgres":
        raise ConfigError(f"tracking.uri={address}: write postgresql:// in place of postgres://")
    driver = DRIVERS.get(scheme)
    if driver is not None and find_spec(driver) is None:
        raise ConfigError(
            f"tracking.uri={address} needs the driver of PostgreSQL, {driver}: "
            f"pip install {INSTALLS.get(driver, driver)}"
        )


def shown(text: str) -> str:
    """The address as an `Address` if a password is in it, else as it is."""
    return text if isinstance(text, Address) or without_passwords(text) == text else Address(text)


def keep(folder: Path, address: str) -> None:
    """Write the whole address into a run's folder, if a password is in it. Raises OSError."""
    if isinstance(address, Address):
        descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(address.whole)


def recalled(folder: Path, address: str) -> str:
    """The address with the password that the run's folder keeps, if it is the same one."""
    if isinstance(address, Address) or not (folder / FILE).exists():
        return address
    kept = Address((folder / FILE).read_text(encoding="utf-8"))
    return kept if kept == address else address


def without_login(address: str) -> str:
    """The address of a server without user and password, for a link in a browser, which asks for them itself."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def whole(address: str) -> str:
    """The address to connect to. Raises TrackingError where its password is not known here."""
    if isinstance(address, Address):
        return address.whole
    if HIDDEN in address or HIDDEN_VALUE in address:
        raise TrackingError(f"the password of {address} is not known here; write it in tracking.uri= instead of ***")
    return address
