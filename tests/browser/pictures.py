"""The pictures of the documents, made of synthetic runs: `scripts/pictures [FOLDER]`. Needs Debian's chromium."""

import re
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from PIL import Image

from federation.cli import main as gotong
from federation.deployment.node.own_report import home_report
from federation.issuing.issue import Wanted, make
from federation.pages import home_page, run_report
from federation.pages.words import read_words
from federation.vault.database import open_database
from tests.browser.test_mlflow_ui import CHROMIUM
from tests.federation.issuing.champions import stated, written

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

COUNTRY = "VNM"
DAYS = (datetime(2008, 12, 5, 12, tzinfo=UTC), datetime(2009, 1, 5, 12, tzinfo=UTC))  # of two issues
WIDTH, HEIGHTS = 1000, {"run": 1500, "forecast": 1500, "home": 1250, "comparison": 800}  # pixels
MLFLOW: "ViewportSize" = {"width": 1440, "height": 1500}  # in less, charts hide behind their keys
SHOWN = (1080, 1125)
COLOURS, MOST = 256, 200_000  # of a palette; bytes of a picture
WORDS = ("tracking=none", "arms=[federated,local,adapted]", "rounds=3")


def made(folder: Path) -> dict[str, Path]:
    """Name -> page, of two runs of eleven countries and two issues of one."""
    runs = f"runs={folder / 'runs'}"
    for name, *words in (("spring", "strategy=fedavg", "credit=true"), ("summer", "strategy=robust_direction")):
        gotong(["simulate", f"name={name}", *words, runs, *WORDS])
    run = folder / "runs" / "spring"
    gotong(["compare", "names=[spring,summer]", runs, f"to={folder / 'comparison.html'}", "tracking=none"])
    written(folder / "champion", run, stated(run="spring"))
    for sent in DAYS:
        issue = make(
            Wanted(
                home=folder / "home",
                country=COUNTRY,
                task="health",
                data=run / "data",
                champion=folder / "champion",
                vault=run / "vault.sqlite",
                sent=sent,
                played=True,
            )
        ).issue
    picture = f"to={folder / 'bulletin.png'}"
    gotong(["node", "report", f"issue={issue.name}", f"home={folder / 'home'}", picture])
    region = run_report.read(run / run_report.FILE)
    own = home_report(open_database(run / "vault.sqlite"), COUNTRY, "spring", region)
    assert own is not None, "the run was tested in every country"
    (folder / "home.html").write_text(home_page.page(own, read_words()), "utf-8")
    pages = {"run": run / "report.html", "forecast": issue.folder / "page.html"}
    return pages | {name: folder / f"{name}.html" for name in ("home", "comparison")}


def photograph(pages: dict[str, Path], to: Path) -> None:
    """The top of every page, as a reader first sees it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        for name, page in pages.items():
            tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHTS[name]})
            tab.goto(page.as_uri())
            tab.screenshot(path=to / f"{name}.png")
            tab.close()
        browser.close()


def experiments(folder: Path, to: Path) -> None:
    """The link of `gotong ui` to three runs of eleven countries, as MLflow shows it to a first visitor."""
    from playwright.sync_api import sync_playwright

    for name, *words in (("fedavg", "strategy=fedavg"), ("fedprox", "strategy=fedprox"), ("long", "rounds=12")):
        gotong(["simulate", f"name={name}", f"runs={folder}", "arms=[federated,local]", "rounds=4", *words])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from federation.cli import main; main()", "ui", f"runs={folder}", f"port={port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ui, sync_playwright() as playwright:
        assert ui.stdout
        [link] = re.findall(r"http://\S+", ui.stdout.readline())
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        tab = browser.new_page(viewport=MLFLOW)
        tab.goto(link)
        tab.get_by_text("better_by/region").first.wait_for(timeout=60_000)
        tab.wait_for_timeout(5000)  # charts are drawn one after another
        tab.screenshot(path=to)
        Image.open(to).resize(SHOWN, Image.Resampling.LANCZOS).save(to)
        browser.close()
        ui.send_signal(signal.SIGTERM)


def small(picture: Path) -> None:
    """In a palette of its own. Raises SystemExit for one that is too large for the documents."""
    Image.open(picture).convert("RGB").quantize(COLOURS).save(picture, optimize=True)
    if picture.stat().st_size > MOST:
        raise SystemExit(f"{picture} is larger than {MOST:,} bytes")


def main(words: list[str]) -> None:
    """Make all, into docs/pictures unless a folder is named."""
    to = Path(words[0] if words else "docs/pictures")
    to.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        photograph(made(Path(scratch)), to)
        experiments(Path(scratch) / "tracked", to / "mlflow.png")
        (to / "bulletin.png").write_bytes((Path(scratch) / "bulletin.png").read_bytes())
    for picture in sorted(to.glob("*.png")):
        small(picture)
        print(picture)


if __name__ == "__main__":
    main(sys.argv[1:])
