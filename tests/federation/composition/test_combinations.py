"""Settings that exclude each other are refused before anything is read or written, in one line that says what to do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import configs
from federation.composition.compose import settings_of
from federation.composition.restore import check
from federation.coordinator.rounds import begin
from federation.coordinator.state import Federation
from federation.errors import ConfigError
from tasks.models.weights import built, trainable
from tasks.registry import TASKS
from tests.whole import IN_FULL

# words -> (the values that do not go together, the remedy), each as it stands in the line.
REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "strategy=scaffold": (("strategy=scaffold",), "set training=sgd"),
    "strategy=scaffold training=sgd training.momentum=0.9": (("strategy=scaffold",), "training.momentum=0"),
    "strategy=scaffold training=sgd training.clip_gradient=1": (("strategy=scaffold",), "training.clip_gradient=null"),
    "training.momentum=0.9": (("training.momentum=0.9", "adamw"), "training.optimizer=sgd"),
    "quorum=6 participation=0.4 keep_best=0": (("quorum=6", "participation=0.4", "5 of 11"), "set quorum to 5 or less"),
    "quorum=12": (("quorum=12", "11 countries"), "set quorum to 11 or less"),
    "quorum=3 region.countries=[THA,VNM]": (("quorum=3", "2 countries"), "set quorum to 2 or less"),
    "participation=0.5": (("keep_best=3", "participation=0.5"), "set keep_best=0"),
    "availability=0.5": (("keep_best=3", "availability=0.5"), "set keep_best=0"),
    "strategy=fedper strategy.private=[]": (("strategy=fedper", "strategy.private=[]"), "strategy=fedavg"),
    "strategy=fedbn": (("strategy=fedbn",), "use strategy=fedper strategy.private=['*.bias']"),
    "strategy.private=[nothing.*]": (("strategy.private", "nothing.*"), "matches none of"),
    "strategy.private=[*]": (("strategy.private",), "nothing is left to learn together"),
    "arms=[local]": (("arms=['local']",), "must name federated"),
    "task=disaster strategy.name=scaffold": (("strategy.name=scaffold",), "write strategy=scaffold"),
    "engine=fast": (("engine=fast",), "sequential, cohort, compiled, auto"),
    "deadline=-1": (("deadline=-1",), "must be above 0"),
    "+local.THA.task.weather=false": (("local.THA", "'task.weather'"), "choose among task.attention.blocks, "),
    "+local.THA.training.lt=1": (("local.THA", "'training.lt'"), ", training.lr, "),
    "+local.THA.training.lr=-1": (("local.THA", "training.lr=-1"), "must be above 0"),
    "+local.THA.training.epochs=2.5": (("local.THA", "training.epochs"), "must be int"),
    "+local.THA.task.hidden=[0]": (("local.THA", "task.hidden is [0]"), "choose up to 8 layers"),
    "+local.THX.training.lr=1": (("local", "'THX'"), "did you mean"),
    " ".join(f"+local.C{n:02}.training.lr=0.1" for n in range(101)): (("local names 101",), "name 100 at most"),
    "training.steps=50": (
        ("training.epochs=2", "training.steps=50"),
        "set training.epochs=null or training.steps=null",
    ),
    "training.epochs=null": (("training.epochs=null",), "set one of the two"),
    "training.epochs=null training.steps=0": (("training.steps=0",), "must be at least 1"),
    "start_from_weights=[layers.*]": (("start_from_weights=['layers.*']",), "set start_from=RUN"),
    "quorum=0": (("quorum=0",), "must be at least 1"),
}


@pytest.mark.parametrize("words", REFUSED, ids=str)
def test_what_excludes_each_other_is_refused_with_a_remedy(words: str) -> None:
    values, remedy = REFUSED[words]
    with pytest.raises(ConfigError) as refused:
        check(settings_of(words.split()))
    message = str(refused.value)
    assert "\n" not in message
    assert remedy in message
    for value in values:
        assert value in message


GOES = [
    "strategy=scaffold training=sgd",
    "strategy=scaffold training=sgd engine=cohort",
    "training.epochs=null training.steps=50",
    "training=sgd training.momentum=0.9",
    "quorum=5 participation=0.4 keep_best=0",
    "+local.THA.training.lr=0.1 +local.VNM.task.hidden=[] +local.LAO.task.attention.width=8",
    "+local.THA.training.lr=0.1 region.countries=[LAO,VNM]",
    "participation=0.5 availability=0.9 keep_best=0",
    *(f"task={task} strategy=fedper" for task in TASKS),
    "strategy=fedper strategy.private=['*.bias']",
]


EXPERIMENTS = Path(configs.__file__).parent / "experiment"


def _recipes(file: Path) -> list[str]:
    params = yaml.safe_load(file.read_text())["hydra"]["sweeper"]["params"]
    return str(params.get("recipe", "")).split(",")


@pytest.mark.parametrize(
    ("experiment", "recipe"),
    [
        (str(file.relative_to(EXPERIMENTS).with_suffix("")), recipe)
        for file in sorted(EXPERIMENTS.rglob("*.yaml"))
        for recipe in (_recipes(file) if IN_FULL else _recipes(file)[:1])
    ],
)
def test_every_committed_experiment_can_begin(experiment: str, recipe: str) -> None:
    check(settings_of([f"experiment={experiment}", *([f"recipe={recipe}"] if recipe else [])]))


@pytest.mark.parametrize("words", GOES)
def test_what_goes_together_is_not_refused(words: str) -> None:
    check(settings_of(words.split()))


def begun(words: list[str], start: dict[str, Any]) -> dict[str, Any]:
    """The weights that this run begins with."""
    settings = settings_of([*words, "start_from=old"])
    check(settings)
    federation = Federation(run="r", plan=settings.plan(), settings=settings, nodes={}, checkpoint=Path("none"))
    return dict(begin(federation, start).model)


def weights_of(words: list[str], add: float = 0.0) -> dict[str, Any]:
    settings = settings_of(words)
    return {n: v.numpy() + add for n, v in trainable(built(TASKS[settings.task.name], settings.task, 5)).items()}


def with_fewer_outputs(add: float = 0.0) -> dict[str, Any]:
    """The default task's weights as a run of two horizons would have them in its last layers."""
    return {n: value[:46] if n.startswith(("head", "skip")) else value for n, value in weights_of([], add).items()}


@pytest.mark.parametrize("task", TASKS)
def test_the_model_of_another_task_is_no_start(task: str) -> None:
    other = weights_of([f"task={next(iter({*TASKS} - {task}))}"])
    with pytest.raises(ConfigError, match=r"start_from=old holds another model .*: \S+ is .* use the settings of that"):
        begun([f"task={task}"], other)


def test_a_run_may_start_from_some_weights_of_another() -> None:
    """The other's outputs do not fit; its layers do."""
    old = with_fewer_outputs(add=1.0)
    weights = begun(["start_from_weights=[layers.*]"], old)
    fresh = weights_of([])
    taken = {name for name, value in weights.items() if name in old and np.array_equal(value, old[name])}
    assert taken == {name for name in weights if name.startswith("layers.")}
    assert {name: value.shape for name, value in weights.items()} == {
        name: value.shape for name, value in fresh.items()
    }
    assert all(not value.any() for name, value in weights.items() if name.startswith(("head.", "skip.")))  # fresh ones


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["start_from_weights=[layers.*,head.weight]"], r"head.weight is \(46, 128\) there and is \(69, 128\) here"),
        (
            ["start_from_weights=[layers.*]", "task.hidden=[128]"],
            r"layers.1.bias is \(128,\) there and is missing here",
        ),
        (["start_from_weights=[nothing]"], r"start_from_weights=\['nothing'\] matches none of layers.0.weight"),
        (["start_from_weights=[]"], "takes nothing"),
    ],
)
def test_weights_that_do_not_fit_are_named(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        begun(words, with_fewer_outputs())
    assert "\n" not in str(refused.value)
