"""First weights from a file: one beginning for every arm, the countries' own models and the pooled one included.

The file holds nothing but arrays by their names; it is known by the digest of these, which travels in the plan and
which operators accept. It should have learnt from no country's records, as `gotong pretrain` sees to.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from federation.errors import ConfigError
from federation.settings.schema import Settings
from federation.strategies.strategy import public
from federation.wire.model import model_digest
from tasks.models.files import read_weights


def with_initial(settings: Settings) -> Settings:
    """The settings with the absolute path of the file, and the digest of its weights, of those that travel.

    Raises ConfigError for a digest that was given and is another one, and for a run that no file can begin; DataError
    for a file that holds no weights.
    """
    if settings.initial_weights is None:
        if settings.initial_digest:
            raise ConfigError(f"initial_digest={settings.initial_digest[:16]} needs its file: set initial_weights=FILE")
        return settings
    path = Path(settings.initial_weights).absolute()
    here = model_digest(_read(path, settings))
    if settings.initial_digest not in ("", here):
        raise ConfigError(
            f"initial_weights={settings.initial_weights} is another file than initial_digest names: its digest is "
            f"{here}, not {settings.initial_digest}; get the right file, or leave initial_digest out"
        )
    chosen = replace(settings, initial_weights=str(path), initial_digest=here)
    chosen.check_initial()
    return chosen


def initial_of(settings: Settings) -> Mapping[str, Any]:
    """Weights of the file, of those that travel; none without one. Raises ConfigError and DataError as above."""
    if settings.initial_weights is None:
        return {}
    return _read(Path(with_initial(settings).initial_weights or ""), settings)


def _read(path: Path, settings: Settings) -> Mapping[str, Any]:
    return public({name: value.numpy() for name, value in read_weights(path).items()}, settings.strategy.private)
