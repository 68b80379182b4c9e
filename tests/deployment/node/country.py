"""A country's folder with records and a policy, its node's settings, and the request for its terms."""

from pathlib import Path

from federation.deployment.node.settings import NodeSettings
from federation.wire.frame import Frame, encode
from tasks.registry import TASKS

HEALTH = TASKS["health"]
ASK = encode(Frame(kind="terms", header={"run": "r"}))


def records(folder: Path) -> Path:
    HEALTH.synthesize(folder, "SGP", 5, HEALTH.settings())
    (folder / "policy.toml").write_text('tasks = ["health"]\n')
    return folder


def settings_of(folder: Path, **given: str) -> NodeSettings:
    home = str(folder / "n")
    return NodeSettings(**{"country": "SGP", "data": str(folder), "coordinator": "127.0.0.1:1", "home": home} | given)  # type: ignore[arg-type]
