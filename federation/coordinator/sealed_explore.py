"""The coordinator of a sealed exploration: it forwards what countries publish, and opens the same sums as they do."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flwr.serverapp import Grid

from federation.coordinator.board import Asked, ask, closings
from federation.coordinator.sealed_rounds import posts_of
from federation.coordinator.state import Arrays, Federation
from federation.errors import ConfigError, QuorumError, SealError
from federation.reporting.explored_region import RegionExplored, RegionYear
from federation.seals import exploring, posts
from federation.seals.exploring import DOMAIN, ROUNDS, Region
from federation.seals.lists import next_list
from federation.seals.masks import Words, digest, read_words
from federation.seals.setup import Setup
from federation.seals.sums import Closing, Place, opened
from federation.seals.terms import FEWEST, SealTerms, default_threshold
from federation.settings.values import digest_of, plain
from tasks.registry import TASKS

WITHOUT = "nothing was summed; leave a country out, or ask again when all are there"


def explore(grid: Grid, federation: Federation) -> RegionExplored:
    """The sums over the countries of a federation. Raises ConfigError or QuorumError, naming who differs and how."""
    terms = terms_of(federation)
    setup, boxes = _set_up(grid, federation, terms)
    deals = {f"deal/{country}": posts.as_array(post) for country, post in setup.deals.items()}
    arrays: Mapping[str, Arrays] = {
        country: deals | {f"box/{dealer}": own[country] for dealer, own in boxes.items() if country in own}
        for country in terms.members
    }
    sums: list[Words] = []
    closing: Closing | None = None
    try:
        for number in range(1, ROUNDS + 1):
            here = exploring.place(number, sums[0] if sums else None)
            closing = _closed(
                grid, federation, setup, here, arrays, None if closing is None else sorted(closing.frames)
            )
            sums.append(opened(setup, here, closing))
            arrays = closings(terms.members, closing)
        assert closing is not None, "there are two sums"
        first, second = sums
        region = exploring.region(sorted(closing.frames), first, second, terms.fewest)
    except SealError as error:
        raise QuorumError(f"{error}; explore again without who is named") from None
    ask(grid, federation, "explore_end", ROUNDS, arrays)
    return _reported(federation, region)


def _reported(federation: Federation, region: Region) -> RegionExplored:
    task, calendar = TASKS[federation.plan.task.name], federation.plan.task.calendar
    return RegionExplored(
        task=task.name,
        title=task.title(federation.plan.task),
        cuts=(calendar.train_until, calendar.validate_until, calendar.test_until),
        countries=region.countries,
        places=region.places,
        can=region.can,
        years=tuple(RegionYear(**asdict(each)) for each in region.years),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def terms_of(federation: Federation) -> SealTerms:
    """What the members agree to. Raises ConfigError for too few of them."""
    members = {country: federation.keys[country] for country in sorted(federation.nodes)}
    terms = SealTerms(
        run=federation.run,
        plan=DOMAIN + digest_of(federation.plan),
        members=members,
        threshold=default_threshold(len(members)),
        rounds=ROUNDS,
    )
    try:
        terms.check()
    except SealError as error:
        raise ConfigError(f"protection={federation.plan.protection}: {error}; name more countries") from None
    return terms


def _set_up(grid: Grid, federation: Federation, terms: SealTerms) -> tuple[Setup, dict[str, Arrays]]:
    """What all members know of each other, and dealer -> recipient -> its shares. Raises QuorumError."""
    header: dict[str, Any] = {
        "plan": plain(federation.plan),
        "members": {country: key.hex() for country, key in terms.members.items()},
        "threshold": terms.threshold,
        "fewest": FEWEST,
    }
    nothing: Arrays = {}
    asked = ask(grid, federation, "explore_keys", 0, dict.fromkeys(terms.members, nothing), **header)
    announced = posts_of(asked.need_all(WITHOUT))
    keys = {f"keys/{country}": posts.as_array(post) for country, post in announced.items()}
    asked = ask(grid, federation, "explore_deal", 0, dict.fromkeys(terms.members, keys)).need_all(WITHOUT)
    setup = Setup(terms=terms, announced=announced, deals=posts_of(asked))
    return setup, {country: frame.group("box") for country, frame in asked.frames.items()}


def _closed(
    grid: Grid,
    federation: Federation,
    setup: Setup,
    here: Place,
    arrays: Mapping[str, Arrays],
    listed: Sequence[str] | None,
) -> Closing:
    """A sum's list, with frames and shares of those that gave right ones. listed: countries that it must have.

    Raises SealError or QuorumError.
    """
    asked = ask(grid, federation, "explore_sum", here.round, arrays)
    sent = _sent(setup, here, asked)
    countries = next_list(setup.groups, sent)
    if len(countries) < setup.terms.threshold or listed not in (None, countries):
        raise QuorumError(f"{WITHOUT}: {'; '.join(asked.refused.values()) or 'a frame is not as it must be'}")
    frames = {country: sent[country][0] for country in countries}
    named = {f"frame/{country}": posts.as_array(post) for country, post in frames.items()}
    asked = ask(grid, federation, "explore_reveal", here.round, dict.fromkeys(sent, named))
    return Closing(frames=frames, words={country: sent[country][1] for country in countries}, reveals=posts_of(asked))


def _sent(setup: Setup, here: Place, asked: Asked) -> dict[str, tuple[bytes, Words]]:
    """country -> post and words of its masked frame, of those that are as they must be."""
    size, sent = 4 * exploring.codec(here.round).words, {}
    for country, frame in asked.frames.items():
        try:
            post, words = posts.bytes_of(frame, "post"), posts.bytes_of(frame, "words", size)
            signed = setup.read({country: post}, country, "frame")
            if digest(words) == posts.bytes_of(signed, "digest", 32):
                sent[country] = post, read_words(words)
        except SealError:
            continue
    return sent
