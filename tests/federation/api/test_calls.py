"""The calls of Python: what a run gives back, and that the process stays as it was through five runs, a failed one, an
interrupted one and a resumed one."""

import ctypes
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

import federation
from federation import compare, load_run, simulate, submit
from federation.api.words import words_of
from federation.coordinator import checkpoint
from federation.errors import CheckpointError, ConfigError, GotongError
from federation.runs.progress_bar import ProgressBar
from tasks.errors import DataError
from tests.federation.toy import HORIZONS, places_of
from tests.whole import IN_FULL

WORDS = ("task=toy", "region.countries=[LAO,VNM]", "training=sgd", "training.lr=0.1", "tracking=none")

pytestmark = pytest.mark.usefixtures("toy")


def toy_run(folder: Path, **keys: Any) -> federation.api.finished_run.FinishedRun:
    return simulate(*WORDS, **{"rounds": 2, "quorum": 1, "runs": folder / "runs", **keys})


def process_state() -> dict[str, Any]:
    from hydra.core.global_hydra import GlobalHydra

    own = psutil.Process()
    return {
        "signals": {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)},
        "threads": {each.name for each in threading.enumerate()},
        "torch": torch.get_num_threads(),
        "random": torch.get_rng_state().tolist(),
        "argv": list(sys.argv),
        "environment": dict(os.environ),
        "children": [each.pid for each in own.children(recursive=True)],
        "files": sorted(each.path for each in own.open_files()),
        "hydra": GlobalHydra.instance().hydra,
        "loggers": [list(logging.getLogger(name).handlers) for name in ("flwr", "mlflow", "hydra")],
        "folder": Path.cwd(),
    }


def resident() -> int:
    """Bytes that this process holds, without what the allocator keeps for later."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_info().rss)


def interrupted(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A run that gets Ctrl-C after its second round."""
    shown = ProgressBar.round

    def stop(self: ProgressBar, report: Any) -> None:
        shown(self, report)
        if report.round == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "round", stop)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        try:
            with pytest.raises(KeyboardInterrupt):
                toy_run(folder, name="stopped", rounds=4)
        finally:
            signal.signal(signal.SIGINT, before)


@pytest.mark.long
def test_a_process_outlives_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    torch.set_num_threads(2)
    toy_run(tmp_path, name="first")  # what is imported or made once a process
    memory = resident()
    before = process_state()
    whole = toy_run(tmp_path, name="whole", rounds=4)
    for seed in range(20 if IN_FULL else 2):
        toy_run(tmp_path, seed=seed)  # names of their own, within a second
    with pytest.raises(DataError, match="holds no toy"):
        toy_run(tmp_path, name="failed", data=tmp_path)
    interrupted(monkeypatch, tmp_path)
    left = load_run("stopped", runs=tmp_path / "runs")
    assert list(left.history["round"]) == [1]
    with pytest.raises(CheckpointError, match="has not ended"):
        left.model  # noqa: B018
    resumed = simulate(resume="stopped", runs=tmp_path / "runs")
    grown = resident() - memory
    assert process_state() == before
    assert grown < 40 * 2**20
    assert capfd.readouterr() == ("", "")
    same = [checkpoint.load_model(run.folder) for run in (whole, resumed)]
    assert {name: value.tobytes() for name, value in same[0].items()} == {
        name: value.tobytes() for name, value in same[1].items()
    }


def test_a_run_gives_its_table_history_model_and_page(tmp_path: Path) -> None:
    run = toy_run(tmp_path, name="one")
    assert "round 2/2" in run.output
    rows = run.table
    assert {"LAO", "VNM", "ASEAN"} <= set(rows.country)
    assert set(run.history["round"]) == {1, 2}
    kept = checkpoint.load_model(run.folder)
    assert {name: value.tolist() for name, value in run.model.state_dict().items()} == {
        name: value.tolist() for name, value in kept.items()
    }
    assert run.report.data["run"] == "one"
    assert "srcdoc" in run.report._repr_html_()
    lines = run.forecast("VNM", largest_age=1200)
    assert len(lines) == HORIZONS * places_of("VNM")
    assert set(lines.origin) == {"2008-12"}
    assert set(lines.period) == {"2009-01", "2009-02"}
    other = toy_run(tmp_path, name="two", seed=1, strategy="fedprox")
    compared = compare(run, other)
    assert set(compared.run) == {"one", "two"}
    assert len(compared.attrs["lines"]) == 3


def test_private_weights_are_asked_of_a_country(tmp_path: Path) -> None:
    run = toy_run(tmp_path, strategy="fedper", **{"strategy.private": ["head.*"]})
    with pytest.raises(ConfigError, match=r"has no head.bias .* run.model_of\('LAO'\)"):
        run.model  # noqa: B018
    heads = [run.model_of(country).state_dict()["head.bias"] for country in ("LAO", "VNM")]
    assert not torch.equal(*heads)


def test_mistakes_are_our_errors_and_never_an_exit(tmp_path: Path) -> None:
    for words, reason in (
        ({"rouns": 3}, "did you mean rounds"),
        ({"seed": "a"}, "seed"),
        ({"sweep": "many"}, "in a loop"),
        ({"resume": "one", "rounds": 3}, "leave out rounds=3"),
        ({"resume": "nobody"}, "no run 'nobody'"),
    ):
        with pytest.raises(ConfigError, match=reason):
            simulate(**words, runs=tmp_path)
    for word in ("-m", "--cfg", "health"):
        with pytest.raises(ConfigError, match="no word of a run"):
            simulate(word)
    with pytest.raises(ConfigError, match="records stay at the nodes; leave out data="):
        submit(data="national", home=tmp_path)
    with pytest.raises(GotongError, match="is no coordinator that ever ran"):
        submit(*WORDS, home=tmp_path / "c", runs=tmp_path / "runs")
    assert not list(tmp_path.glob("runs/*"))
    with pytest.raises(AttributeError, match="offers compare"):
        federation.simulat  # noqa: B018


def test_values_become_words() -> None:
    keys = {"rounds": 5, "data": None, "arms": ["federated", "a,b"], "x": True, "local": {"VNM": {"lr": 0.1}}}
    assert words_of(("task=health",), keys) == [
        *("task=health", "rounds=5", "data=null", "arms=['federated','a,b']", "x=true", "local={VNM:{lr:0.1}}")
    ]


def test_a_courier_loads_nothing_of_the_door() -> None:
    """A vault is imported where hydra and mlflow are missing, in tests/test_architecture.py."""
    names = ("hydra", "mlflow", "torch", "federation.api.calls")
    program = f"import sys, federation.deployment.node.courier; print([n for n in {names} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
