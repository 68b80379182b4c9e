"""Who the members of a region are, by the regions that are installed: configs/region."""

from importlib.resources import files
from typing import Any

from omegaconf import OmegaConf


def members(region: str) -> tuple[str, ...]:
    """Countries of the region of this name; none where no such region is installed."""
    for file in files("configs").joinpath("region").iterdir():
        if file.name.endswith(".yaml"):
            values: Any = OmegaConf.to_container(OmegaConf.create(file.read_text(encoding="utf-8")))
            if values.get("name") == region and values.get("countries"):
                return tuple(sorted(values["countries"]))
    return ()
