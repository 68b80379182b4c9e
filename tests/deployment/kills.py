"""`kill -9` of one part of a federation after another, each while one frame of the round is on its way to a vault,
one is being worked on, and one is answered."""

import os
import signal
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from federation.deployment.node.layout import SOCKET
from tests.deployment.between import REPLY, REQUEST, TRAINING, Between
from tests.deployment.place import Place

PHASES = (REQUEST, TRAINING, REPLY)
PARTS = ("courier", "vault", "superlink", "executor", "coordinator")  # the last two take the run's process with them
ARRIVED_AND_LEFT = {REQUEST: (0, 0), TRAINING: (1, 0), REPLY: (1, 1)}  # frames in, releases out
RUN = "delivered"


class Kills:
    """Three countries whose frames can be held."""

    def __init__(self, place: Place, between: Mapping[str, Between]) -> None:
        self._place, self._between = place, between

    def run(self, words: Sequence[str]) -> list[str]:
        """Submit and resume until the run is done, a kill a round; returns what the submissions printed."""
        place, submit = self._place, place_words(self._place, words)
        for round_, part in enumerate(PARTS, 1):
            phases = dict(zip(place.countries, PHASES[round_ % 3 :] + PHASES[: round_ % 3], strict=True))
            for country, where in phases.items():
                self._between[country].hold(where, round_)
            if "submission" not in place.processes:
                place.start("submission", *submit)
            place.wait(f"round {round_}", lambda: all(each.held.is_set() for each in self._between.values()))
            seen = {country: _seen(place, country, round_) for country in phases}
            assert seen == {country: ARRIVED_AND_LEFT[where] for country, where in phases.items()}
            frozen = [country for country, where in phases.items() if where == TRAINING and part != "vault"]
            self._kill(part)
            for country in frozen:
                os.kill(place.pid_of(f"{country}-vault", "vault"), signal.SIGCONT)
            for each in self._between.values():
                each.let_go()
            if part in ("executor", "coordinator"):
                assert place.processes.pop("submission").wait(150) == 1, place.logs() + place.log("submission")
                submit = ("submit", f"home={place.home}", f"runs={place.folder / 'runs'}", f"resume={RUN}")
            if part == "coordinator":
                place.processes.pop("coordinator").wait(10)
                place.wait("the end of its children", place.ports_are_free)
                place.start_coordinator()
        return [place.log("submission"), place.gotong(*submit)]

    def _kill(self, part: str) -> None:
        place = self._place
        if part in ("courier", "vault"):
            for country in place.countries:
                place.kill(f"{country}-{part}", part)
        elif part == "coordinator":
            place.processes["coordinator"].kill()
        else:
            place.kill("coordinator", part)


def place_words(place: Place, words: Sequence[str]) -> tuple[str, ...]:
    return place.submission(*words, f"name={RUN}", tracking="mlflow")


@contextmanager
def held_up(place: Place) -> Iterator[Kills]:
    """Every country's frames pass somebody who can hold them."""

    def between(country: str) -> Between:
        home, vault = place.folder / country, f"{country}-vault"
        return Between(
            home / "outer" / SOCKET,
            home / "inner" / SOCKET,
            arrived=lambda: _count(place, country, "SELECT count(*) FROM arrivals"),
            freeze=lambda: os.kill(place.pid_of(vault, "vault"), signal.SIGSTOP),
        )

    found = {country: between(country) for country in place.countries}
    try:
        yield Kills(place, found)
    finally:
        for each in found.values():
            each.close()


def _seen(place: Place, country: str, round_: int) -> tuple[int, int]:
    """Frames of a round that arrived at a vault, and releases that left it."""
    where = f"WHERE run = '{RUN}' AND round = {round_}"
    return (
        _count(place, country, f"SELECT count(*) FROM arrivals {where}"),
        _count(place, country, f"SELECT count(*) FROM ledger {where}"),
    )


def _count(place: Place, country: str, query: str) -> int:
    database = sqlite3.connect(place.folder / country / "vault" / "vault.sqlite")
    try:
        return int(database.execute(query).fetchone()[0])
    finally:
        database.close()
