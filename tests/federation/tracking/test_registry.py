"""Promotions and rollbacks that are killed between any two steps: the next command ends them, and nothing is lost."""

from types import SimpleNamespace
from typing import Any

import pytest

from federation.tracking import registry
from federation.tracking.registry import CANDIDATE, CHAMPION, PREVIOUS, ROLLED_BACK
from federation.tracking.store import Store

NAME = "ASEAN toy"


class KilledError(Exception):
    """The process ends here."""


class Client:
    """MLflow's registry of one model, which dies before its nth change."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.left: int | None = None

    def search_registered_models(self, filter_string: str) -> list[Any]:  # noqa: ARG002
        return [SimpleNamespace(aliases=dict(self.aliases))]

    def search_model_versions(self, filter_string: str) -> list[Any]:  # noqa: ARG002
        return [self.get_model_version(NAME, number) for number in self.tags]

    def get_model_version(self, name: str, number: str) -> Any:  # noqa: ARG002
        return SimpleNamespace(version=number, tags=dict(self.tags[number]))

    def set_model_version_tag(self, name: str, number: str, key: str, value: str) -> None:  # noqa: ARG002
        self._tick()
        self.tags[number][key] = value

    def set_registered_model_alias(self, name: str, alias: str, number: str) -> None:  # noqa: ARG002
        self._tick()
        self.aliases[alias] = number

    def delete_registered_model_alias(self, name: str, alias: str) -> None:  # noqa: ARG002
        self._tick()
        del self.aliases[alias]

    def _tick(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise KilledError


def with_three_versions() -> tuple[Client, Store]:
    """1 was champion before 2, and 3 is the candidate."""
    client = Client()
    client.tags = {number: {"gotong.folder": f"run-{number}"} for number in ("1", "2", "3")}
    client.aliases = {CHAMPION: "2", PREVIOUS: "1", CANDIDATE: "3"}
    return client, Store(client=client, experiment="0", uri="")  # type: ignore[arg-type]


def roll_back(store: Store) -> None:
    back, gone = registry.roll_back(store, NAME, "heavy rain", "2009-01-05")
    assert (back.number, gone.number) == ("2", "3")


@pytest.mark.parametrize("broken_off", range(4))
@pytest.mark.parametrize("then", ["promote", "finish", "roll_back"])
def test_a_promotion_that_was_broken_off_is_ended_by_the_next_command(broken_off: int, then: str) -> None:
    client, store = with_three_versions()
    client.left = broken_off
    with pytest.raises(KilledError):
        registry.promote(store, NAME)
    client.left = None
    if then == "promote" or client.aliases[CHAMPION] == "2":  # no champion was named: the same command again
        registry.promote(store, NAME)
    elif then == "finish":
        registry.finish(store, NAME)
    else:
        roll_back(store)
        assert client.aliases == {CHAMPION: "2"}
        return
    assert client.aliases == {CHAMPION: "3", PREVIOUS: "2"}


@pytest.mark.parametrize("broken_off", range(4))
def test_a_rollback_that_was_broken_off_returns_to_the_same_version_and_names_what_it_took_back(
    broken_off: int,
) -> None:
    client, store = with_three_versions()
    registry.promote(store, NAME)
    client.left = broken_off
    with pytest.raises(KilledError):
        registry.roll_back(store, NAME, "heavy rain", "2009-01-05")
    client.left = None
    roll_back(store)
    assert client.aliases == {CHAMPION: "2"}
    reasons = {number: tags.get(registry.REASON) for number, tags in client.tags.items()}
    assert reasons == {"1": None, "2": None, "3": f"{ROLLED_BACK}heavy rain"}


def test_the_first_champion_has_no_previous_one() -> None:
    client, store = with_three_versions()
    client.aliases = {CANDIDATE: "3"}
    registry.promote(store, NAME)
    registry.finish(store, NAME)
    assert client.aliases == {CHAMPION: "3"}
