"""`gotong policy` and `gotong node accept` as an operator and a submitter type them."""

from pathlib import Path

import pytest

from federation.cli import main
from federation.coordinator import checkpoint
from federation.policy.file import accepted_models, read_policy
from federation.policy.templates import TEMPLATES, policy
from federation.wire.model import model_digest

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "KHM"
    folder.mkdir()
    return folder


def fails(words: list[str], capsys: Printed) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    said = capsys.readouterr().err
    assert (stopped.value.code, said.count("\n")) == (1, 1)
    return said


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_a_policy_and_is_never_written_over_one(name: str, home: Path, capsys: Printed) -> None:
    words = ["policy", "template", f"name={name}", "country=IDN", f"to={home / 'policy.toml'}"]
    main(words)
    read = read_policy(home, "KHM")
    assert read == policy(name, "KHM", home / "policy.toml")
    assert "articles 55-56" in (home / "policy.toml").read_text()
    assert "a policy is not replaced" in fails(words, capsys)
    assert "did you mean guarded?" in fails(["policy", "template", "name=gaurded"], capsys)


def test_what_a_policy_says_to_a_run_comes_with_what_it_would_accept(home: Path, capsys: Printed) -> None:
    (home / "policy.toml").write_text('tasks = ["health"]\nmaximum_rounds = 5\nmaximum_epochs = 3\n')
    words = ["policy", "check", f"policy={home}", "task=health"]
    main([*words, "rounds=5"])
    assert "serves this run" in capsys.readouterr().out
    said = fails([*words, "rounds=6", "training=sgd"], capsys)
    assert "refuses 6 rounds: its policy allows 5; rounds=5 would be accepted" in said
    assert "refuses optimizer 'sgd': its policy allows adamw" in said
    assert "refuses to be held out" in fails([*words, "rounds=5", "hold_out=[KHM]"], capsys)
    main([*words, "rounds=5", "hold_out=[KHM]", "country=THA"])  # whose policy it is, whatever its folder is called


def test_the_countrys_own_model_is_asked_about_too(home: Path, capsys: Printed) -> None:
    """In this recipe Laos chose a faster one for itself, and Indonesia a slower one."""
    (home / "policy.toml").write_text('tasks = ["agriculture"]\nmaximum_learning_rate = 0.01\n')
    words = ["policy", "check", f"policy={home}", "recipe=national_yields_searched"]
    assert "refuses 0.02 learning rate" in fails([*words, "country=LAO"], capsys)
    main([*words, "country=IDN"])


def test_the_meet_of_a_folder_names_who_decides(tmp_path: Path, home: Path, capsys: Printed) -> None:
    (home / "policy.toml").write_text('tasks = ["disaster", "health"]\nmaximum_rounds = 50\n')
    (tmp_path / "THA").mkdir()
    (tmp_path / "THA" / "policy.toml").write_text('tasks = ["health"]\nmaximum_rounds = 60\n')
    main(["policy", "meet", f"from={tmp_path}"])
    said = capsys.readouterr().out.splitlines()
    assert {"KHM, THA allow:", 'tasks = ["health"]  (THA)', "maximum_rounds = 50  (KHM)"} <= set(said)
    assert "holds no COUNTRY/policy.toml" in fails(["policy", "meet", f"from={home}"], capsys)


def test_a_policy_in_words_says_where_it_is_stricter(home: Path, capsys: Printed) -> None:
    lists = 'models = ["mlp", "attention"]\n'  # the template's, in another order
    (home / "policy.toml").write_text(f'tasks = ["health"]\nlargest_step = 0.1\nmaximum_epochs = 500\n{lists}')
    main(["policy", "explain", f"policy={home}"])
    said = capsys.readouterr().out
    assert "; stricter than guarded, which has 0.25" in said
    assert "; looser than guarded, which has 100" in said
    assert said.count("than guarded") == 2


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ('models = ["mpl"]', "'mpl' is not installed here; did you mean mlp?"),
        ('optimizers = ["adam"]', "must be a list of names among adamw, sgd"),
        ('required_protection = ["seal"]', "must be a list of names among differential_privacy, sealed"),
    ],
)
def test_a_name_that_nothing_has_is_refused_with_those_there_are(
    home: Path, capsys: Printed, line: str, remedy: str
) -> None:
    (home / "policy.toml").write_text(f"tasks = []\n{line}\n")
    assert remedy in fails(["policy", "explain", f"policy={home}"], capsys)


def test_an_accepted_model_is_known_by_its_digest(tmp_path: Path, home: Path, capsys: Printed) -> None:
    (home / "policy.toml").write_text('tasks = ["health"]\n')
    runs = tmp_path / "runs"
    small = ["region.countries=[KHM,LAO]", "task.hidden=[]", "task.weather=false", "rounds=1", "arms=[federated]"]
    main(["simulate", *small, "tracking=none", f"runs={runs}", "name=spring"])
    capsys.readouterr()
    words = ["node", "accept", f"model={runs / 'spring'}", f"policy={home}"]
    for _ in range(2):  # twice is once
        main(words)
    digest = model_digest(checkpoint.load_model(runs / "spring"))
    assert accepted_models(read_policy(home, "KHM")) == {digest}
    assert digest in capsys.readouterr().out
    assert "is neither a folder nor a file" in fails([*words[:2], f"model={runs / 'sprung'}", words[3]], capsys)
