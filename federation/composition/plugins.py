"""Hydra's own launchers and sweepers: joblib runs jobs side by side, Optuna looks for the best values of keys.

They run each job themselves, in another process or one after another's result, so a job here is a whole run.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from federation.composition.compose import prepared, settings_from, with_word
from federation.composition.mistakes import explained
from federation.errors import ConfigError
from federation.packages.load import load_all
from federation.settings.schema import Settings

BASIC = "basic"
KNOWN = {  # key -> choice -> its module, and the package that has it
    "hydra/launcher": {"joblib": ("hydra_plugins.hydra_joblib_launcher", "hydra-joblib-launcher")},
    "hydra/sweeper": {"optuna": ("hydra_plugins.hydra_optuna_sweeper", "hydra-optuna-sweeper")},
}
BEST = "optimization_results.yaml"  # Optuna's file


def chosen(words: Sequence[str]) -> dict[str, str]:
    """Key -> launcher or sweeper that the words name, if it is not Hydra's basic one.

    Raises ConfigError for one that is not installed or not supported, and without -m, where Hydra ignores it.
    """
    named = dict(word.lstrip("+").split("=", 1) for word in words if word.lstrip("+").startswith(tuple(KNOWN)))
    wanted = {key: value for key, value in named.items() if key in KNOWN and value != BASIC}
    for key, value in wanted.items():
        if value not in KNOWN[key]:
            raise ConfigError(f"{key}={value} is not supported; use {' or '.join([BASIC, *KNOWN[key]])}")
        module, package = KNOWN[key][value]
        if not _is_there(module):
            raise ConfigError(f"{key}={value} is not installed; pip install {package}")
        if not {"-m", "--multirun"} & set(words):
            raise ConfigError(f"{key}={value} is of a sweep; add -m")
    return wanted


def sweep(words: Sequence[str], run_one: Callable[[int, Settings], float]) -> Mapping[str, Any]:
    """Every job as Hydra's launcher and sweeper say; what Optuna found best, or nothing.

    run_one: (number of the job, its settings) -> the value that a sweeper makes small or large; it goes to other
    processes. Raises ConfigError, or what a job raises.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException

    words, whole, name = prepared("simulate", words, Settings)

    def job(config: DictConfig) -> float:
        load_all()  # in the process that a launcher made
        return run_one(int(HydraConfig.get().job.num), settings_from(config, Settings, whole))

    before = sys.argv
    try:
        with TemporaryDirectory() as scratch:
            sys.argv = ["gotong simulate", *with_word(words, f"hydra.sweep.dir={scratch}")]
            hydra.main(version_base="1.3", config_path="pkg://configs", config_name=name)(job)()
            best = Path(scratch) / BEST
            return dict(OmegaConf.load(best)) if best.exists() else {}
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explained(error, Settings)) from None
    finally:
        sys.argv = before


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
