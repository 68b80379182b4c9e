"""Every command of docs/operate.md, trust.md, sealed.md and pack.md is run as it stands there."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryDirectory

import pytest

from federation.cli import VERBS, main
from tests.deployment import test_containers
from tests.deployment.namespaces import machines
from tests.deployment.walk.between import COUNTRIES
from tests.deployment.walk.steps import WALK
from tests.deployment.walk.walker import Walker

ROOT = Path(__file__).parents[2]
PAGES = tuple(ROOT / "docs" / page for page in ("operate.md", "trust.md", "sealed.md", "pack.md"))


def commands() -> list[str]:
    """Fenced lines that a person would type, long ones in one piece."""
    lines_ = []
    for page in PAGES:
        for language, block in re.findall(r"```(\w*)\n(.*?)```", page.read_text(), re.DOTALL):
            assert language in ("bash", "toml"), f"{page}: no test knows how to run a block of {language or 'nothing'}"
            lines = block.replace("\\\n", "").splitlines() if language == "bash" else []
            lines_ += [" ".join(line.split()) for line in lines if line.strip()]
    return lines_


def test_a_command_that_no_test_runs_does_not_get_into_the_documents() -> None:
    walked = {step.command for step in (*WALK, *test_containers.WALK)}
    documented = commands()
    assert len(documented) > 20
    for command in documented:
        assert command in walked, f"{command} is run by no test: add it to walk/steps.py or test_containers.py"
    assert walked <= set(documented), "a command of the walk stands in no document"


def test_the_documents_name_every_verb_of_a_deployment() -> None:
    others = [(ROOT / "docs" / page).read_text() for page in ("monday.md", "monitoring.md")]  # with tests of their own
    text = "\n".join([*commands(), *others])
    ours = [verb for verb in VERBS if verb.split()[0] in ("keys", "node", "coordinator", "submit", "status", "stop")]
    assert len(ours) >= 15
    for verb in ours:
        assert re.search(rf"^gotong {verb}\b", text, re.MULTILINE), verb


@pytest.mark.parametrize("command", sorted({each for each in commands() if each.startswith("gotong ")}))
def test_a_documented_command_has_a_verb_and_keys_that_exist(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, *words = command.split()
    main([*words, "--cfg", "job"])  # composes, checks every key, and does nothing
    composed = capsys.readouterr().out
    for word in words:
        if "=" in word:
            *tables, key = word.split("=")[0].split(".")
            known = {"from": "(file|source)"}.get(key, key)  # a word of Python, which cannot name a field
            assert re.search(rf"^{'  ' * len(tables)}{known}:", composed, re.MULTILINE), key
    assert not list(tmp_path.iterdir())


@pytest.fixture
def walker() -> Iterator[Walker]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("the page's machines are network namespaces, which need root and iproute2")
    try:
        with (
            machines(("coordinator", *COUNTRIES), hosts={"federation.example": "coordinator"}) as by_name,
            TemporaryDirectory(prefix="gotong-") as folder,
        ):
            walker = Walker(folder=Path(folder), machines=by_name)
            try:
                yield walker
            finally:
                walker.close()
    except (OSError, CalledProcessError) as error:
        pytest.skip(f"network namespaces are not allowed here: {error}")


@pytest.mark.long
@pytest.mark.timeout(1500)  # a federation on machines of its own, and other tests at the same time
def test_whoever_follows_the_page_to_the_letter_gets_what_it_says(walker: Walker) -> None:
    for step in WALK:
        walker.take(step)
