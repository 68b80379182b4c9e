"""Which packages a plan rests on, by the registries of this process."""

from federation.packages.load import ORIGIN
from federation.settings.plan import Plan


def used(plan: Plan) -> dict[str, str]:
    """Package -> its version and digest, of those that the plan's task, models and strategy are from."""
    models = {getattr(plan.task, "model", None), *(_model(own) for own in plan.local.values())}
    parts = {("task", plan.task.name), ("strategy", plan.strategy.name), *(("model", str(name)) for name in models)}
    packages = {ORIGIN[part].name: ORIGIN[part] for part in parts if part in ORIGIN}
    return {name: packages[name].stamp for name in sorted(packages)}


def _model(own: object) -> object:
    """The model that a country chose for itself; None for the run's."""
    task = own.get("task") if isinstance(own, dict) else None
    return task.get("model") if isinstance(task, dict) else None
