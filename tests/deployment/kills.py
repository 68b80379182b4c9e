"""`kill -9` of one part of a federation after another, each while one frame of the round is on its way to a vault,
one is being worked on, and one has its reply."""

import os
import signal
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from federation.deployment.node.settings import SOCKET
from tests.deployment.interceptor import REPLY, REQUEST, TRAINING, Interceptor
from tests.deployment.loopback import Deployment

PHASES = (REQUEST, TRAINING, REPLY)
PARTS = ("courier", "vault", "superlink", "executor", "coordinator")  # the last two take the run's process with them
ARRIVED_AND_LEFT = {REQUEST: (0, 0), TRAINING: (1, 0), REPLY: (1, 1)}  # frames in, releases out
RUN = "delivered"


class Kills:
    """Three countries whose frames can be held."""

    def __init__(self, deployment: Deployment, interceptors: Mapping[str, Interceptor]) -> None:
        self._deployment, self._interceptors = deployment, interceptors

    def run(self, words: Sequence[str]) -> list[str]:
        """Submit and resume until the run is done, a kill a round; returns what the submissions printed."""
        deployment, submit = self._deployment, submission_words(self._deployment, words)
        for round_, part in enumerate(PARTS, 1):
            phases = dict(zip(deployment.countries, PHASES[round_ % 3 :] + PHASES[: round_ % 3], strict=True))
            for country, where in phases.items():
                self._interceptors[country].hold(where, round_)
            if "submission" not in deployment.processes:
                deployment.start("submission", *submit)
            deployment.wait(f"round {round_}", lambda: all(each.held.is_set() for each in self._interceptors.values()))
            seen = {country: _seen(deployment, country, round_) for country in phases}
            assert seen == {country: ARRIVED_AND_LEFT[where] for country, where in phases.items()}
            frozen = [country for country, where in phases.items() if where == TRAINING and part != "vault"]
            self._kill(part)
            for country in frozen:
                os.kill(deployment.pid_of(f"{country}-vault", "vault"), signal.SIGCONT)
            for each in self._interceptors.values():
                each.let_go()
            if part in ("executor", "coordinator"):
                assert deployment.processes.pop("submission").wait(150) == 1, deployment.logs() + deployment.log(
                    "submission"
                )
                submit = ("submit", f"home={deployment.home}", f"runs={deployment.folder / 'runs'}", f"resume={RUN}")
            if part == "coordinator":
                deployment.processes.pop("coordinator").wait(10)
                deployment.wait("the end of its children", deployment.ports_are_free)
                deployment.start_coordinator()
        return [deployment.log("submission"), deployment.gotong(*submit)]

    def _kill(self, part: str) -> None:
        deployment = self._deployment
        if part in ("courier", "vault"):
            for country in deployment.countries:
                deployment.kill(f"{country}-{part}", part)
        elif part == "coordinator":
            deployment.processes["coordinator"].kill()
        else:
            deployment.kill("coordinator", part)


def submission_words(deployment: Deployment, words: Sequence[str]) -> tuple[str, ...]:
    return deployment.submission(*words, f"name={RUN}", tracking="mlflow")


@contextmanager
def held_up(deployment: Deployment) -> Iterator[Kills]:
    """Every country's frames pass an interceptor."""

    def intercept(country: str) -> Interceptor:
        home, vault = deployment.folder / country, f"{country}-vault"
        return Interceptor(
            home / "outer" / SOCKET,
            home / "inner" / SOCKET,
            arrived=lambda: _count(deployment, country, "SELECT count(*) FROM arrivals"),
            freeze=lambda: os.kill(deployment.pid_of(vault, "vault"), signal.SIGSTOP),
        )

    interceptors = {country: intercept(country) for country in deployment.countries}
    try:
        yield Kills(deployment, interceptors)
    finally:
        for each in interceptors.values():
            each.close()


def _seen(deployment: Deployment, country: str, round_: int) -> tuple[int, int]:
    """Frames of a round that arrived at a vault, and releases that left it."""
    where = f"WHERE run = '{RUN}' AND round = {round_}"
    return (
        _count(deployment, country, f"SELECT count(*) FROM arrivals {where}"),
        _count(deployment, country, f"SELECT count(*) FROM ledger {where}"),
    )


def _count(deployment: Deployment, country: str, query: str) -> int:
    database = sqlite3.connect(deployment.folder / country / "vault" / "vault.sqlite")
    try:
        return int(database.execute(query).fetchone()[0])
    finally:
        database.close()
