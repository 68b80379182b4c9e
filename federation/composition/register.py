"""What Hydra composes from, registered by name: tasks, strategies and verbs need no YAML file of their own.

configs/ holds what has values: a run's table of contents, recipes, experiments, regions.
"""

from dataclasses import fields
from importlib.resources import files
from typing import Any

from federation.settings.schema import Settings

CHOSEN = {"task": "health", "strategy": "auto", "training": "adamw", "region": "asean", "tracking": "mlflow"}
QUIET = [{"override hydra/hydra_logging": "none"}, {"override hydra/job_logging": "none"}]
NO_FOLDER = {"output_subdir": None, "run": {"dir": "."}}  # Hydra writes nothing of its own
RUN = "simulate"  # configs/simulate.yaml, from which every verb composes whose settings are those of a run


def register(verb: str, schema: type[Any]) -> str:
    """Make a verb's schema, the options of its groups and its defaults known to Hydra; returns the config's name."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(name="schema", node=schema)
    for group, options in options_of(schema).items():
        for name, node in options.items():
            store.store(group=group, name=name, node=node)
    if issubclass(schema, Settings):
        return RUN
    name = verb.replace(" ", "_")
    if not files("configs").joinpath(f"{name}.yaml").is_file():  # a verb with values of its own has a file
        store.store(name=name, node={"defaults": _defaults(schema), "hydra": NO_FOLDER})
    return name


def options_of(schema: type[Any]) -> dict[str, dict[str, Any]]:
    """Group -> name -> its node. Tasks and strategies only if the schema has such a key, for they load torch."""
    keys = {each.name for each in fields(schema)}
    options: dict[str, dict[str, Any]] = {
        "training": {"adamw": {}},
        "tracking": {name: {"name": name} for name in ("mlflow", "none")},
    }
    if "task" in keys:
        from tasks.registry import TASKS

        options["task"] = {name: task.settings for name, task in TASKS.items()}
    if "strategy" in keys:
        from federation.composition.default_strategy import AUTO, AutoSettings
        from federation.strategies import STRATEGIES

        named: dict[str, Any] = {name: strategy.settings for name, strategy in STRATEGIES.items()}
        options["strategy"] = {AUTO: AutoSettings, **named}
    return {group: nodes for group, nodes in options.items() if group in keys}


def _defaults(schema: type[Any]) -> list[Any]:
    """Hydra's defaults list: the schema, what is chosen in each of its groups, and no log of Hydra's."""
    keys = {each.name for each in fields(schema)}
    groups = [{group: name} for group, name in CHOSEN.items() if group in keys]
    return ["schema", *groups, "_self_", *QUIET]
