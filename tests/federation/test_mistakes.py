"""What a person mistypes ends in one line that names the nearest right word, exit code 1 and nothing on the disk."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from federation.cli import main

Says = Callable[..., str]


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Says]:
    """Run `gotong simulate WORDS` in an empty folder; gives the one line it leaves on stderr."""
    monkeypatch.chdir(tmp_path)
    environment = dict(os.environ)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def run(*words: str, verb: str = "simulate", left: Sequence[str] = ()) -> str:
        with pytest.raises(SystemExit) as ended:
            main([verb, *words])
        out, err = capsys.readouterr()
        assert ended.value.code == 1, (out, err)
        assert out == ""
        assert err.startswith("gotong: ")
        assert err.count("\n") == 1, err
        assert err.endswith("\n")
        assert [each.name for each in tmp_path.rglob("*")] == list(left)
        return err.removeprefix("gotong: ").strip()

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
    os.environ.clear()
    os.environ |= environment


MISSPELT = {
    "rouns=3": "rounds",
    "quorm=2": "quorum",
    "task.horizonz=2": "task.horizons",
    "task.calendar.train_untill=2004-12": "task.calendar.train_until",
    "task.calender.train_until=2004-12": "task.calendar",
    "strategy.weigths=equal": "strategy.weights",
    "training.epocs=3": "training.epochs",
    "tuning.epoch=3": "tuning.epochs",
    "region.contries=[THA,VNM]": "region.countries",
    "tracking.patiense=3": "tracking.patience",
    "strateg=fedavg": "strategy",
    "+rouns=3": "rounds",
    "++rouns=3": "rounds",
    "~rouns": "rounds",
    "+task.horizonz=2": "task.horizons",
    "++task.horizonz=2": "task.horizons",
    "+task.calendar.until=2004-12": "task.calendar",
    "+strategy.weigths=equal": "strategy.weights",
    "+training.epocs=3": "training.epochs",
    "+region.contries=[THA]": "region.countries",
}


@pytest.mark.parametrize(("word", "meant"), MISSPELT.items(), ids=MISSPELT)
def test_a_misspelt_key_is_reported_with_the_nearest_one(says: Says, word: str, meant: str) -> None:
    text = says(word)
    mistake, _, hint = text.partition(";")
    assert word.lstrip("+~").split("=")[0].split(".")[-1] in mistake or "calender" in mistake
    assert meant in hint


RENAMED = dict.fromkeys(
    ("task.calendar.apart=[a,b]", "+task.calendar.apart=[a,b]", "task.calendar={apart:[a,b]}"),
    "task.calendar.apart is now task.calendar.excluded_period",
)


@pytest.mark.parametrize(("word", "reply"), RENAMED.items(), ids=RENAMED)
def test_a_key_of_an_earlier_version_is_refused_with_its_present_name(says: Says, word: str, reply: str) -> None:
    assert says(word) == f"{reply}; write task.calendar.excluded_period=..."


VALUES = {
    "rounds=abc": "rounds",
    "rounds=1.5": "rounds",
    "rounds=null": "rounds",
    "rounds=[1,2]": "rounds",
    "training.lr=fast": "training.lr",
    "training={lr:fast}": "training.lr",
    "task.calendar=2004": "task.calendar",
    "region.countries=THA": "region.countries",
    "training.clip_gradient=none": "training.clip_gradient",
    "strategy=fedavgg": "did you mean fedavg?",
    "task=helth": "did you mean health?",
    "training=adam": "did you mean adamw?",
    "region=asia": "asean",
    "tracking=mlfow": "did you mean mlflow?",
    "strategy.weights=squareroot": "strategy.weights=squareroot is none of examples, sqrt, equal",
    "strategy.weights=equall": "did you mean equal?",
    "training.optimizer=adam": "did you mean adamw?",
    "training.schedule=cosin": "did you mean cosine?",
    "arms=[federated,loca]": "did you mean local?",
    "arms=[local]": "federated",
    "arms=[federated,federated]": "once",
    "rounds=0": "rounds=0 must be at least 1",
    "rounds=-3": "rounds=-3 must be at least 1",
    "quorum=0": "quorum=0 must be at least 1",
    "quorum=99": "set quorum to 11 or less",
    "seed=-1": "seed=-1 must be at least 0",
    "training.lr=0": "training.lr=0",
    "training.lr=nan": "training.lr=nan",
    "training.epochs=0": "training.epochs=0",
    "participation=0": "participation=0",
    "availability=1.5": "availability=1.5",
    "deadline=0": "deadline=0",
    "tracking.patience=-1": "tracking.patience=-1",
    "task.calendar.train_until=2004-13": "YYYY-MM",
    "task.calendar.train_until=2030-01": "must rise",
    "region.countries=[THA,THA]": "THA twice",
    "region.countries=[THA,VNX]": "did you mean VNM?",
    "region.countries=[tha,VNM]": "did you mean THA?",
    "region.countries=[]": "region.countries",
    "strategy=scaffold": "training=sgd",
    "strategy.name=scaffold": "strategy=scaffold",
    "strategy.name=best": "strategy",
    "task.name=disaster": "task=disaster",
    "task.name=weather": "task",
    "strategy.private=[nothing.*]": "nothing.*",
    "name=a/b": "name='a/b'",
    "name=..": "name='..'",
    "name=keys": "keys",
    "data=/nowhere": "data=/nowhere is no folder",
    "start_from=first": "no run 'first'",
    "resume=first": "no run 'first' in runs",
    "resume=": "no run '' in runs",
    "runs=/proc/runs": "runs=/proc/runs cannot be written",
    "rounds": "rounds",
    "=3": "=3",
    "rounds=[1": "rounds=[1",
}


@pytest.mark.parametrize(("word", "reported"), VALUES.items(), ids=VALUES)
def test_a_value_that_cannot_be_is_reported_with_what_can(says: Says, word: str, reported: str) -> None:
    assert reported in says(word)


@pytest.mark.parametrize("word", ["rounds=3", "+rounds=3", "++seed=2", "~rounds", "strategy=fedprox", "name=x"])
@pytest.mark.parametrize("resume", ["resume=first", "++resume=first"])
def test_a_resumed_run_keeps_its_settings(says: Says, word: str, resume: str) -> None:
    assert f"leave out {word}" in says(resume, word)


def test_keys_of_another_strategy_are_no_keys_of_this(says: Says) -> None:
    assert "strategy.mu" in says("strategy=fedadam", "strategy.mu=0.1")


@pytest.mark.parametrize("words", [["--colour"], ["-q"], ["--config-nam=x"]])
def test_an_unknown_flag_is_reported(says: Says, words: list[str]) -> None:
    assert words[0] in says(*words)


def test_a_sweep_with_a_mistake_leaves_no_run(says: Says) -> None:
    assert "rounds=0" in says("-m", "rounds=3,0")


@pytest.mark.parametrize(
    ("verb", "meant"), {"simulat": "simulate", "compair": "compare", "data": "data ", "x": "--help"}.items()
)
def test_an_unknown_verb_is_reported_with_the_nearest_one(says: Says, verb: str, meant: str) -> None:
    assert meant in says(verb=verb)
