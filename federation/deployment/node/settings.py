"""The settings of a country's node: one object for the command line, the supervisor and the vault's process."""

import grp
import json
import pwd
from dataclasses import asdict, dataclass
from pathlib import Path

from federation.errors import ConfigError, DeploymentError

PARTS = ("both", "vault", "courier")
POLICY, SOCKET = "policy.toml", "vault.sock"


@dataclass  # not frozen: Hydra merges it
class NodeSettings:
    """What `gotong node` takes. Other processes of the node receive it as JSON (`as_argument`).

    policy: none takes policy.toml in the data folder, which must be there.
    vault_user, courier_user: both where root starts vault and courier as two users; courier_user alone where each is
    started by its own user, so that the vault accepts calls from the courier.
    """

    country: str = ""
    data: str | None = None  # folder of countries, or this country's own (`data_folder`); a courier alone needs none
    policy: str | None = None
    coordinator: str = "127.0.0.1:9440"  # host:port
    home: str = "node"
    ca: str | None = None  # none: ca.pem in home
    part: str = "both"  # both | vault | courier
    vault_user: str | None = None
    courier_user: str | None = None
    group: str | None = None  # shared by the two users, for the socket
    line: str | None = None  # folder of the socket; none: in home
    delivered: str | None = None  # folder for the champions that the courier fetches; none: in home
    device: str = "cpu"  # cpu | cuda | cuda:1 | auto
    threads: int = 1  # of torch, in the vault
    precision: str = "float32"  # float32 | tf32 | bf16, of the matrix products
    largest_frame: int = 256  # MiB of a frame that the vault reads
    frames_per_minute: int = 240  # of all runs together
    frames_per_run: int = 120  # a minute, of one run
    keep_days: int = 0  # of a run's state after its last reply; 0: for ever. The ledger stays
    log: str = "text"  # text | json

    def check(self) -> None:
        """Raise ConfigError for values that no node can have."""
        if self.part not in PARTS:
            hint = "; Flower's own SuperNode is no longer served, use part=courier" if self.part == "supernode" else ""
            raise ConfigError(f"part={self.part} is none of {', '.join(PARTS)}{hint}")
        for key in ("country", "coordinator"):
            if not getattr(self, key):
                raise ConfigError(f"{key}= is empty; say which")
        if self.part != "vault":
            _ = self.coordinator_address
        if self.data is None and self.part != "courier":
            raise ConfigError("a vault needs data=FOLDER with this country's national files")
        for key in ("largest_frame", "frames_per_minute", "frames_per_run"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key}={getattr(self, key)} must be at least 1")
        if self.keep_days < 0:
            raise ConfigError(f"keep_days={self.keep_days} must be 0 or more")
        if self.vault_user is not None and self.courier_user is None:
            raise ConfigError("vault_user needs courier_user= too, the other user")

    def as_argument(self) -> str:
        """JSON with absolute paths, for another process of this node."""
        given = {key: getattr(self, key) for key in ("data", "policy", "home", "ca", "line", "delivered")}
        paths = {key: str(Path(path).resolve()) for key, path in given.items() if path is not None}
        return json.dumps(asdict(self) | paths)

    def starts(self, part: str) -> bool:
        """Whether this process starts a part: the vault or the courier."""
        return self.part in ("both", part)

    @property
    def coordinator_address(self) -> tuple[str, int]:
        """Host and port. Raises ConfigError for an address without a port, and for IPv6 without brackets."""
        host, _, port = self.coordinator.rpartition(":")
        bare = host.strip("[]")
        if ":" in bare and not (host.startswith("[") and host.endswith("]")):
            raise ConfigError(f"coordinator={self.coordinator} is IPv6: write it in brackets, such as [{bare}]:{port}")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise ConfigError(f"coordinator={self.coordinator} must be HOST:PORT, such as federation.example:9440")
        return bare, int(port)

    @property
    def users(self) -> tuple[str, str] | None:
        """(vault's, courier's) where root starts both; None runs them as whoever starts them."""
        if self.vault_user is None or self.courier_user is None:
            return None
        return self.vault_user, self.courier_user

    @property
    def socket_group(self) -> str | None:
        """The group that may use the socket: the one named, or the courier's own."""
        if self.group is not None or self.users is None:
            return self.group
        return grp.getgrgid(pwd.getpwnam(self.users[1]).pw_gid).gr_name

    @property
    def home_folder(self) -> Path:
        """The node's own folder, absolute like every path below."""
        return Path(self.home).resolve()

    @property
    def data_folder(self) -> Path:
        """The country's national files: its folder in `data`, or `data` itself where there is none.

        Nothing has to be there yet: a vault reads its records when a run begins.
        """
        data = Path(self.data or ".").resolve()
        try:
            return data / self.country if self.country and (data / self.country).is_dir() else data
        except PermissionError:  # the courier's user
            return data

    def require_policy(self) -> None:
        """Raise DeploymentError unless there is a policy: a node without one does not start."""
        path = self.policy_file
        try:
            there = path.is_file()
        except OSError as error:  # this user may not enter the folder
            raise DeploymentError(f"policy={path}: {error.strerror}; let this user read the folder") from None
        if not there:
            raise DeploymentError(
                f"policy={path} is not there, and a node without a policy does not start; write one with "
                f"`gotong policy template name=guarded country={self.country} to={path}`"
            )

    @property
    def policy_file(self) -> Path:
        """The country's policy."""
        return Path(self.policy).resolve() if self.policy is not None else self.data_folder / POLICY

    @property
    def vault_folder(self) -> Path:
        """Ledger, state and fingerprint key: the vault's alone."""
        return self.home_folder / "vault"

    @property
    def courier_folder(self) -> Path:
        """The node's key: the courier's alone."""
        return self.home_folder / "courier"

    @property
    def socket(self) -> Path:
        """The socket between vault and courier; its folder belongs to the vault."""
        return (Path(self.line).resolve() if self.line is not None else self.home_folder / "line") / SOCKET

    @property
    def delivered_folder(self) -> Path:
        """Champions, as the courier fetched them: its own, and the vault's user reads them."""
        return Path(self.delivered).resolve() if self.delivered is not None else self.home_folder / "delivered"

    @property
    def ca_file(self) -> Path:
        """The certificate of the coordinator's authority."""
        return Path(self.ca).resolve() if self.ca is not None else self.home_folder / "ca.pem"
