"""Hydra keeps one state a process; a notebook may have one of its own."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_hydra() -> Iterator[None]:
    """Hydra as if it had not been used, and afterwards as it was: its instance, and the configuration of its job."""
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    instance, job = GlobalHydra.instance(), HydraConfig.instance()
    hydra, config = instance.hydra, job.cfg
    instance.clear()
    try:
        yield
    finally:
        instance.hydra, job.cfg = hydra, config
