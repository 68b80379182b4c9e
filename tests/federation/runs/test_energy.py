"""Energy and carbon of a run: asked for, counted, said with what they rest on, and of no country that hides."""

import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from federation.cli import main
from federation.pages import run_page, run_report
from federation.pages.run_costs import SOURCE, allotted
from federation.pages.run_report import RunReport
from federation.pages.tracked import Tracked
from federation.pages.words import read_words
from federation.reporting.energy import Energy
from federation.runs import simulation
from federation.runs.session import conduct
from tests.federation.federations import ready, settings_of
from tests.federation.pages.reports import place

pytestmark = pytest.mark.usefixtures("toy")
KWH, G_A_KWH = 0.002, 475.0


class Counter:
    """codecarbon's tracker, on a machine that always takes 2 Wh."""

    def __init__(self, country_iso_code: str, **_: object) -> None:
        self.final_emissions_data = SimpleNamespace(
            energy_consumed=KWH, gpu_energy=KWH / 4, emissions=KWH * G_A_KWH / 1000
        )
        assert country_iso_code == "VNM"

    def start(self) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


@pytest.fixture
def codecarbon(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, part = ModuleType("codecarbon"), ModuleType("codecarbon.input")
    whole.OfflineEmissionsTracker, whole.__version__ = Counter, "3"  # type: ignore[attr-defined]
    source = SimpleNamespace(get_global_energy_mix_data=lambda: {"VNM": {"year": 2023}})
    part.DataSource = lambda: source  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "codecarbon", whole)
    monkeypatch.setitem(sys.modules, "codecarbon.input", part)


def report_of(folder: Path) -> RunReport:
    made = ready(settings_of(folder, energy="VNM", rounds=1))
    conduct(partial(simulation.resume, made.run.settings.runs, made.run.folder))
    return run_report.read(made.run.folder / run_report.FILE)


@pytest.mark.usefixtures("codecarbon")
def test_energy_is_on_the_page_and_allotted_by_examples(tmp_path: Path) -> None:
    made = report_of(tmp_path)
    assert made.energy is not None
    assert (made.energy.wh, made.energy.gpu_wh, made.energy.carbon) == pytest.approx((2.0, 0.5, 0.95))
    assert (made.energy.grid, made.energy.year) == ("VNM", 2023)
    assert made.energy.intensity == pytest.approx(G_A_KWH)
    allotted = {place.code: place.energy_wh for place in made.countries}
    examples = {place.code: place.examples for place in made.countries}
    assert allotted == pytest.approx({code: 2.0 * n / sum(examples.values()) for code, n in examples.items()})
    page = run_page.page(made, read_words())
    assert "Grid of Vietnam in 2023: 475 g a kWh" in page
    assert "Allotted to the countries by the examples" in page


@pytest.mark.parametrize(
    ("params", "tags"),
    [({"protection": "differential_privacy"}, {}), ({"protection": "sealed"}, {}), ({}, {SOURCE: "gotong submit"})],
)
def test_no_share_is_said_of_a_country_that_hides_its_work_or_has_a_machine_of_its_own(
    params: dict[str, str], tags: dict[str, str]
) -> None:
    known = Tracked(params={"protection": "none", **params}, tags={"": tags})
    energy = Energy(
        wh=2.0, gpu_wh=0.0, carbon=1.0, grid="VNM", intensity=475.0, year=2023, source="a table", how="estimated"
    )
    assert [each.energy_wh for each in allotted([place("THA", 4.0)], known, energy)] == [None]
    shown = allotted([place("THA", 4.0)], Tracked(tags={"": {SOURCE: "gotong simulate"}}), energy)
    assert [each.energy_wh for each in shown] == [2.0]


def test_without_the_extra_one_line_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("codecarbon", "codecarbon.input"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SystemExit):
        main(["simulate", "energy=VNM", f"runs={tmp_path}", "tracking=none"])
    assert "pip install 'gotong[energy]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
