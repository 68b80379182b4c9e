"""The arrows of ARCHITECTURE: who may import whom. Read from the code, and tried where libraries are missing."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from federation.strategies import STRATEGIES

ROOT = Path(__file__).parents[1]
# Room of `federation` -> the other rooms it may import. A new room is added here, with its reason in ROOMS.
LEARNING = {"errors", "settings", "strategies", "training", "wire"}
MAY: dict[str, set[str]] = {
    "errors": set(),
    "reporting": set(),
    "wire": {"errors"},
    "settings": {"errors", "wire"},
    "training": {"errors", "settings"},
    "training.cohort": {"errors", "settings", "training"},
    "strategies": {"errors", "settings", "training"},
    "privacy": {"errors", "settings", "strategies", "training"},  # noise, what it costs, and which plans it fits
    # Tasks, models and strategies of other people's packages, which entry points name.
    "packages": {"errors", "settings", "strategies"},
    "packages.testing": {"packages", "strategies", "strategies.testing"},  # a plugin for their tests
    "composition": {"errors", "packages", "privacy", "settings", "strategies"},
    "policy": {
        "errors",
        "packages",
        "settings",
    },  # what a country allows: its vault keeps to it, a coordinator computes the meet
    # Sums that nobody can take apart: each vault and the coordinator opens them and steps the model by itself.
    "seals": {"errors", "privacy", "settings", "strategies", "wire"},  # privacy: how large a noised value may be
    "vault": {
        *LEARNING,
        "composition",
        "policy",
        "privacy",
        "reporting",
        "seals",
    },  # reporting: its own table of scores
    "coordinator": {*LEARNING, "reporting", "seals"},
    # What an auditor gets of a run: countries' ledgers and budgets, the coordinator's folder, signatures, and a page.
    "pack": {
        *("errors", "composition", "coordinator", "policy", "privacy", "reporting", "settings", "vault", "wire"),
    },
    "forecasting": {
        "errors",
        "composition",
        "coordinator",
        "settings",
        "vault",
    },  # a country's own arms lie in its vault
    # What a country issues every month: the champion it holds, the forecast, a person's approval, the archive.
    "issuing": {
        *("errors", "composition", "coordinator", "deployment", "forecasting", "pack", "pages", "runs", "settings"),
        *("tracking", "vault", "wire"),
    },
    # Issued forecasts with what happened: scores, and charts that alarm. At home; nothing of it leaves.
    "monitoring": {"errors", "composition", "issuing", "settings", "wire"},
    "tracking": {"errors", "composition", "coordinator", "reporting", "settings", "wire"},
    # Runs, forecasts and comparisons as JSON and as pages for people.
    "pages": {"errors", "reporting", "settings", "studies", "tracking"},
    "runs": {
        *LEARNING,
        *("composition", "coordinator", "packages", "pages", "policy", "reporting", "tracking", "training.cohort"),
        *("runs.credit", "vault"),
    },
    # What each country contributed to a simulation: models of groups of its updates, on the records of all.
    "runs.credit": {"errors", "coordinator", "settings", "strategies", "vault"},
    "studies": {"errors", "composition", "reporting", "settings", "tracking"},
    "deployment": {"errors", "wire"},
    # vault: the coordinator's ledger has the chain and the signed heads of a vault's.
    "deployment.coordinator": {
        *LEARNING,
        *("composition", "coordinator", "deployment", "pack", "packages", "policy", "reporting", "runs", "vault"),
    },
    "deployment.node": {
        *LEARNING,
        *("composition", "coordinator", "deployment", "pack", "pages", "policy", "reporting", "runs", "vault"),
    },
    # The month of a region: agree, train, gate, promote, export; and in a simulation what every country issues.
    "cycle": {
        *("errors", "composition", "coordinator", "deployment", "deployment.coordinator", "reporting", "runs"),
        *("forecasting", "issuing", "settings", "studies", "tracking"),
    },
    "deployment.bundle": {"deployment.coordinator"},
    "verbs": {
        *LEARNING,
        *("composition", "coordinator", "cycle", "deployment", "deployment.coordinator", "deployment.node"),
        *("forecasting", "issuing", "monitoring", "pack", "policy", "reporting", "runs", "studies", "tracking"),
        *("pages", "vault"),  # vault: a ledger's pages
    },
    # Functions that hold a strategy to its contract, through rounds and a vault; nothing imports them but tests.
    "strategies.testing": {*LEARNING, "coordinator", "policy", "runs", "vault"},
    "cli": {"errors", "packages", "reporting"},  # a verb is imported by name, when it runs
    # The verbs as functions of Python, and a run as a scientist wants it.
    "api": {
        *("errors", "composition", "coordinator", "forecasting", "packages", "pages", "reporting", "runs", "settings"),
        *("studies", "tracking", "vault", "verbs"),
    },
    "": {"api"},  # `from federation import simulate`, resolved when it is asked for
}
LOOSE = {"__init__.py", "cli.py", "errors.py", "forecasting.py"}  # files of `federation` that are in no room
MOST_ROOMS = 23  # right under `federation`; api and packages are doors for people outside, not layers of ours
MOST_FILES = 24  # of one folder: what is more is two rooms. A folder of one kind of thing, a file each, may have more
ONE_FILE_EACH = {"federation/verbs"}
# Library -> where it may be imported at all.
ONLY_IN = {
    "dp_accounting": ("federation/privacy/accountant.py",),
    "jinja2": ("federation/pack/page.py", "federation/pages/render.py"),
    "rfc8785": ("federation/pack/canonical.py",),
    "mlflow": ("federation/tracking/",),
    "hydra": ("federation/composition/",),
    "omegaconf": ("federation/composition/", "federation/verbs/", "tasks/testing/declaration.py"),
    "flwr": (
        "federation/coordinator/",
        "federation/deployment/",
        "federation/runs/",
        "federation/strategies/",
        "federation/wire/flower_message.py",
    ),
    "ray": (),
}
LOGIC = (ast.FunctionDef, ast.ClassDef, ast.For, ast.If, ast.With, ast.Try)
REGISTRIES = ("tasks/importers", "tasks/testing", "federation", "federation/strategies")


@dataclass(frozen=True, kw_only=True)
class Import:
    """One module that a file imports; `late` ones are imported in a function or for type checkers alone."""

    file: str
    module: str
    late: bool

    @property
    def top(self) -> str:
        return self.module.split(".")[0]


def files(package: str) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text())
    at_once = {id(node) for statement in tree.body for node in _run_at_import(statement)}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            yield Import(file=str(path.relative_to(ROOT)), module=name, late=id(node) not in at_once)


def _run_at_import(statement: ast.stmt) -> Iterator[ast.AST]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test):
        return
    yield from ast.walk(statement)


EVERY = [each for package in ("federation", "tasks") for path in files(package) for each in imports(path)]


def room(module: str) -> str:
    """The room of `federation` in which a module or a name of it lies; empty for the package itself."""
    parts = module.split(".")[1:]
    return next((name for size in (2, 1) if (name := ".".join(parts[:size])) in MAY), ".".join(parts[:1]))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_tasks_know_no_federation() -> None:
    assert [each for each in EVERY if each.file.startswith("tasks/") and each.top == "federation"] == []


@pytest.mark.parametrize("path", files("federation"), ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_one_way(path: Path) -> None:
    mine = room(dotted(path))
    assert not mine or mine in MAY, f"{mine} is new: say in MAY what it may import"
    wrong = {
        each.module
        for each in imports(path)
        if each.top == "federation" and room(each.module) not in {mine, "", *MAY.get(mine, set())}
    }
    assert wrong == set()


def test_federation_has_few_rooms_and_no_loose_files() -> None:
    assert {path.name for path in (ROOT / "federation").glob("*.py")} == LOOSE
    rooms = {path.parent for path in files("federation") if path.parent.parent == ROOT / "federation"}
    assert len(rooms) <= MOST_ROOMS, "say in one line of this test why a further room is needed"


@pytest.mark.parametrize("package", ["federation", "tasks"])
def test_no_room_is_crowded(package: str) -> None:
    count = Counter(str(path.parent.relative_to(ROOT)) for path in files(package) if path.name != "__init__.py")
    assert {room for room, many in count.items() if many > MOST_FILES} == ONE_FILE_EACH & set(count)


def test_the_plan_itself_goes_round_in_no_circle() -> None:
    left = {name: set(others) for name, others in MAY.items()}
    while left:
        free = {name for name, others in left.items() if not others & set(left)}
        assert free, f"a circle among {sorted(left)}"
        left = {name: others for name, others in left.items() if name not in free}


def test_coordinator_and_vault_never_meet() -> None:
    for mine, other in (("coordinator", "vault"), ("vault", "coordinator")):
        reachable: set[str] = set()
        todo = [mine]
        while todo:
            for name in MAY[todo.pop()] - reachable:
                reachable.add(name)
                todo.append(name)
        assert other not in reachable


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_imported_in_its_place_alone(library: str) -> None:
    importers = {each.file for each in EVERY if each.top == library}
    assert {file for file in importers if not file.startswith(ONLY_IN[library])} == set()
    assert bool(importers) == bool(ONLY_IN[library])


def test_a_strategy_needs_flower_for_its_server_half_only() -> None:
    early = [each for each in EVERY if each.file.startswith("federation/strategies/") and each.top == "flwr"]
    assert early
    assert [each for each in early if not each.late] == []


def test_the_courier_carries_and_does_nothing_else() -> None:
    node = ROOT / "federation" / "deployment" / "node"
    libraries = {each.top for name in ("courier", "flower_link", "vault_line") for each in imports(node / f"{name}.py")}
    assert libraries.isdisjoint({"torch", "tasks", "pandas"})


@pytest.mark.parametrize("package", ["federation", "tasks"])
def test_modules_import_one_another_in_no_circle(package: str) -> None:
    """Nor late, nor for types alone; the package itself is a face, with names of all rooms."""
    names = {dotted(path): path for path in files(package)}
    needs: dict[str, set[str]] = {}
    for name, path in names.items():
        modules = {each.module for each in imports(path)}
        needs[name] = {near for module in modules if (near := _module(module, names)) not in (None, name, package)}
    while needs:
        free = {name for name, others in needs.items() if not others & set(needs)}
        assert free, f"a circle among {sorted(needs)}"
        needs = {name: others for name, others in needs.items() if name not in free}


def _module(name: str, names: dict[str, Path]) -> str | None:
    """The module a dotted name stands for, which may be a name inside of it."""
    return name if name in names else name.rpartition(".")[0] if name.rpartition(".")[0] in names else None


def test_packages_hold_names_not_logic() -> None:
    for path in (path for package in ("federation", "tasks", "configs") for path in files(package)):
        if path.name != "__init__.py":
            continue
        folder = str(path.parent.relative_to(ROOT))
        body = ast.parse(path.read_text()).body
        logic = [each for each in body if isinstance(each, LOGIC) and "TYPE_CHECKING" not in ast.dump(each)[:80]]
        assert logic == [], f"{path} holds logic"
        of_a_task = folder.startswith("tasks/") and any(
            isinstance(each, ast.Assign) and "TASK" in ast.dump(each.targets[0]) for each in body
        )
        assert not body or of_a_task or folder in REGISTRIES, f"{path} should be empty"


WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("flwr", "hydra", "omegaconf", "mlflow", "ray"):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Missing())
from pathlib import Path
import federation.training.jobs
from federation.settings.parts import TrainingSettings
from federation.settings.plan import Plan
from federation.settings.values import plain
from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.vault import doors
from federation.vault.database import open_database, transaction
from federation.policy.file import read_policy
from federation.vault.vault import Vault
from federation.wire.frame import Frame, decode, encode
from tasks.registry import TASKS
from tests.federation.toy import TOY, Line, ToySettings

assert "torch._dynamo" not in sys.modules  # torch's compiler, a second of every start
folder = Path(sys.argv[1])
TASKS["toy"] = TOY
TOY.synthesize(folder, "VNM", 1, ToySettings())
(folder / "policy.toml").write_text('template = "open"\\ntasks = ["toy"]')
vault = Vault(
    country="VNM", folder=folder, policy=read_policy(folder, "VNM"), database=open_database(folder / "v"), key=b"k"
)
training = TrainingSettings(optimizer="sgd", clip_gradient=None)
for name, strategy in STRATEGIES.items():
    plan = Plan(task=ToySettings(), strategy=strategy.settings(), training=training)
    model = {key: value.detach().numpy() for key, value in Line(1).named_parameters()}
    model = {key: value for key, value in model.items() if not plan.strategy.private or "head" not in key}
    arrays = {f"model/{key}": value for key, value in model.items()}
    arrays |= {f"shared/{key}": value for key, value in strategy.shared(model).items()}
    header = {"run": name, "round": 1, "last_aggregated": 0, "plan": plain(plan)}
    request = encode(Frame(kind="train", header=header, arrays=arrays))
    admission = doors.admit(vault, request)
    results = sequential.run(admission.jobs)
    with transaction(vault.database):
        reply = decode(doors.release(vault, admission, results))
    print(name, reply.kind, reply.header["examples"] > 0)
"""


def test_a_vault_serves_every_strategy_where_nothing_of_a_coordinator_is_installed(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", WITHOUT, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{name} update True" for name in STRATEGIES]
