"""Settings that exclude each other are refused before anything is read or written, in one line that says what to do."""

from pathlib import Path

import pytest
import yaml

import configs
from federation.composition.compose import settings_of
from federation.composition.restore import check
from federation.coordinator.rounds import begin
from federation.coordinator.state import Federation
from federation.errors import ConfigError
from federation.strategies.strategy import public
from tasks.registry import TASKS

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
    "quorum=0": (("quorum=0",), "must be at least 1"),
}


@pytest.mark.parametrize("words", REFUSED, ids=str)
def test_what_excludes_each_other_is_refused_with_a_remedy(words: str) -> None:
    values, remedy = REFUSED[words]
    with pytest.raises(ConfigError) as refused:
        check(settings_of(words.split()))
    told = str(refused.value)
    assert "\n" not in told
    assert remedy in told
    for value in values:
        assert value in told


GOES = [
    "strategy=scaffold training=sgd",
    "strategy=scaffold training=sgd engine=cohort",
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
        for recipe in _recipes(file)
    ],
)
def test_every_committed_experiment_can_begin(experiment: str, recipe: str) -> None:
    check(settings_of([f"experiment={experiment}", *([f"recipe={recipe}"] if recipe else [])]))


@pytest.mark.parametrize("words", GOES)
def test_what_goes_together_is_not_refused(words: str) -> None:
    check(settings_of(words.split()))


@pytest.mark.parametrize("task", TASKS)
def test_the_model_of_another_task_is_no_start(task: str) -> None:
    here, other = (
        settings_of([f"task={task}", "start_from=old"]),
        settings_of([f"task={next(iter({*TASKS} - {task}))}"]),
    )
    module = TASKS[other.task.name].build_model(other.task, 1)
    start = public({name: value.detach().numpy() for name, value in module.named_parameters()}, [])
    federation = Federation(run="r", plan=here.plan(), settings=here, nodes={}, checkpoint=Path("none"))
    with pytest.raises(ConfigError, match=r"start_from=old holds another model .* use the settings of that run"):
        begin(federation, start)
