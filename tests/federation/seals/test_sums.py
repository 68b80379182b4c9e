"""Sums without masks: exact for any number of countries and any that drop out, and of nothing that was not signed."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from federation.errors import SealError
from federation.seals.fixed_point import Codec, whole_weights
from federation.seals.lists import check_list, groups, next_list
from federation.seals.masks import Words, digest
from federation.seals.member import ONE_TIME
from federation.seals.setup import Setup
from federation.seals.sums import opened
from federation.seals.terms import SealTerms, default_threshold
from tests.federation.seals.board import MODEL, Board, draws, signed_again


def total_of(words: Mapping[Any, Words], countries: Collection[Any] | None = None) -> Words:
    """Mod 2^32, of these countries or of all."""
    total = np.zeros_like(next(iter(words.values())))
    for country, own in words.items():
        if countries is None or country in countries:
            total += own
    return total


def chi_squared(words: Words) -> float:
    """Of the bytes against uniform ones: 255 in the mean, with a standard deviation of 23."""
    counts = np.bincount(words.view(np.uint8), minlength=256)
    expected = counts.sum() / 256
    return float((np.square(counts - expected) / expected).sum())


@pytest.mark.parametrize("count", [3, 4, 5, 7, 11, 23, pytest.param(50, marks=pytest.mark.long)])
def test_sums_are_exact_whoever_drops_out(count: int) -> None:
    rng = np.random.default_rng(count)
    board = Board(count=count, rounds=4)
    for round_ in range(4):
        spare = count - board.terms.threshold
        gone = list(rng.choice(sorted(board.keys), int(rng.integers(0, spare + 1)), replace=False))
        half = len(gone) // 2
        silent = [country for country in gone[half:] if round_]  # sends a frame, and signs nothing
        words = draws(board, round_, less=gone[:half] if round_ else gone)
        listed = next_list(board.setup.groups, words)
        if len(listed) < board.terms.threshold:  # others of their groups stay out too
            words, silent = draws(board, round_), []
            listed = next_list(board.setup.groups, words)
        closing, total = board.round(words, silent)
        assert sorted(closing.frames) == listed
        assert np.array_equal(total, total_of(words, listed))


def test_a_masked_frame_looks_random_also_to_who_knows_all_its_pairs() -> None:
    board = Board(count=3)
    words = {country: np.full(100_000, 7, np.uint32) for country in board.keys}
    sent = board.frames(words)
    assert chi_squared(words["C00"]) > 1e6  # the test sees words that are not masked
    assert all(150 < chi_squared(masked) < 370 for _, masked in sent.values())
    left = sent["C00"][1].copy()
    for other in ("C01", "C02"):
        pair = (board.members[other].store.get(1, "secrets") or b"")[32:]
        left += board.setup.pair_words(other, "C00", pair, 1, MODEL, len(left))
    assert 150 < chi_squared(left) < 370


def test_masks_are_of_one_run_one_round_and_one_model() -> None:
    """Else a vault restored from a backup, asked again with another model, would show the difference of its words."""
    board = Board(count=3)
    words = draws(board)
    sent = board.frames(words)["C00"][1]
    store = board.members["C00"].store
    own = (store.get(1, "secrets") or b"")[:32]
    first = board.setup.self_words(own, 1, MODEL, 99)
    assert not np.array_equal(first, board.setup.self_words(own, 1, digest("another model"), 99))
    assert not np.array_equal(first, board.setup.self_words(own, 2, MODEL, 99))
    store.forget(1, "frame")  # as a backup would be
    again = board.members["C00"].mask(board.setup, 1, digest("another model"), words["C00"])[1]
    assert np.count_nonzero(sent != again) / len(sent) > 0.9
    store.forget(1, "frame")
    assert np.array_equal(board.members["C00"].mask(board.setup, 1, MODEL, words["C00"])[1], sent)


def test_a_country_sends_one_frame_a_round_and_signs_one_list() -> None:
    board = Board(count=9, threshold=6)
    words = draws(board)
    sent = board.frames(words)
    with pytest.raises(SealError, match="has sent its frame of round 1"):
        board.frames(words)
    all_posts = {country: post for country, (post, _) in sent.items()}
    fewer = {country: post for country, post in all_posts.items() if country not in board.setup.groups[0]}
    for member in board.members.values():
        member.reveal(board.setup, board.at, fewer)
        with pytest.raises(SealError, match="has signed another list of round 1"):
            member.reveal(board.setup, board.at, all_posts)


def test_a_claimed_dropout_opens_no_frame() -> None:
    """The board has the frame of a country that it says is gone: its pairs open, its own words do not."""
    board = Board(count=9, threshold=6)
    gone = sorted(board.setup.groups[1])[0]
    words = {country: np.full(100_000, 7, np.uint32) for country in board.keys}
    sent = board.frames(words)
    board.close({country: each for country, each in sent.items() if country not in board.setup.groups[1]})
    left = sent[gone][1].copy()
    pair = (board.members[gone].store.get(1, "secrets") or b"")[32:]
    for other in set(board.keys) - {gone}:
        left -= board.setup.pair_words(gone, other, pair, 1, MODEL, len(left))
    assert 150 < chi_squared(left) < 370


def test_two_lists_of_one_round_do_not_both_open() -> None:
    board = Board(count=9, threshold=6)
    sent, (first, _, last) = board.frames(draws(board)), board.setup.groups
    one = {country: post for country, (post, _) in sent.items() if country not in last}
    other = {country: post for country, (post, _) in sent.items() if country not in first}
    some = ("C00", "C01", "C02", "C03")
    reveals = {
        country: member.reveal(board.setup, board.at, one if country in some else other)
        for country, member in board.members.items()
    }
    closing = board.close(sent, silent=board.keys)
    for frames, signers in ((one, some), (other, set(board.keys) - set(some))):
        mine = {country: reveals[country] for country in signers}
        with pytest.raises(SealError, match="countries signed the list of round 1, and 6 are needed"):
            opened(board.setup, board.at, replace(closing, frames=frames, reveals=mine))
        with pytest.raises(SealError, match="signed another list of round 1"):
            opened(board.setup, board.at, replace(closing, frames=frames, reveals=reveals))


@pytest.mark.parametrize(("liars", "opens"), [(4, False), (5, False), (6, True)])
def test_countries_that_sign_two_lists_open_both_where_they_are_half_and_not_where_they_are_a_third_and_one(
    liars: int, opens: bool
) -> None:
    """Of twelve, nine must sign: the honest ones are split between the lists, the liars sign both."""
    board = Board(count=12)
    words = draws(board)
    sent, (first, *_, last) = board.frames(words), board.setup.groups
    closing = board.close(sent, silent=board.keys)
    lying, honest = set(sorted(board.keys)[:liars]), sorted(board.keys)[liars:]
    enough = board.terms.threshold - liars
    totals = []
    for without, true, may in ((last, honest[:enough], True), (first, honest[enough:], opens)):
        frames = {country: post for country, (post, _) in sent.items() if country not in without}
        for country in lying:
            board.members[country].store.forget(1, "list")
        reveals = {each: board.members[each].reveal(board.setup, board.at, frames) for each in {*lying, *true}}
        listed = replace(closing, frames=frames, reveals=reveals)
        if not may:
            with pytest.raises(SealError, match="countries signed the list of round 1, and 9 are needed"):
                opened(board.setup, board.at, listed)
        else:
            totals.append(opened(board.setup, board.at, listed))
            assert np.array_equal(totals[-1], total_of(words, frames))
    assert len(totals) == 1 + opens


def test_what_was_changed_on_its_way_is_seen_and_named() -> None:
    board = Board(count=5, threshold=4)
    words = draws(board)
    closing = board.close(board.frames(words))
    other = closing.words["C02"].copy()
    other[0] ^= 1
    with pytest.raises(SealError, match="frame of C02 is not the one it signed"):
        opened(board.setup, board.at, replace(closing, words={**closing.words, "C02": other}))
    with pytest.raises(SealError, match="frame of C01 is not the one it signed"):
        opened(board.setup, board.at, replace(closing, words={**closing.words, "C01": closing.words["C02"]}))
    shares = closing.reveals["C03"][:-1] + bytes([closing.reveals["C03"][-1] ^ 1])
    with pytest.raises(SealError, match="reveal post of C03 is not signed"):
        opened(board.setup, board.at, replace(closing, reveals={**closing.reveals, "C03": shares}))
    with pytest.raises(SealError, match="of another round or model"):
        opened(board.setup, replace(board.at, model=digest("trap")), closing)
    fewer = dict(list(closing.reveals.items())[:3])
    with pytest.raises(SealError, match="3 countries signed"):
        opened(board.setup, board.at, replace(closing, reveals=fewer))
    assert np.array_equal(opened(board.setup, board.at, closing), total_of(words, closing.frames))


def test_a_false_share_names_who_revealed_it_and_a_false_deal_who_dealt_it() -> None:
    board = Board(count=5, threshold=4)
    closing = board.close(board.frames(draws(board)))
    false = signed_again(board, "C03", closing.reveals["C03"], "reveal", shares=bytes(32 * 5))
    with pytest.raises(SealError, match="C03 reveals another share than C00 dealt it"):
        opened(board.setup, board.at, replace(closing, reveals={**closing.reveals, "C03": false}))
    liar = Board(count=5, threshold=4)
    _ = liar.dealt
    liar.dealt["C01"][1]["C00"] = liar.dealt["C01"][1]["C02"]
    with pytest.raises(SealError, match="shares of C01 for C00 are of another setup"):
        _ = liar.setup
    false_dealer = Board(count=5, threshold=4)
    post, boxes = false_dealer.dealt["C01"]
    before = Setup(terms=false_dealer.terms, announced=false_dealer.announced, deals={"C01": post})
    cipher = false_dealer.members["C01"]._cipher(before, "C01", "C00")
    boxes["C00"] = cipher.encrypt(ONE_TIME, bytes(32 * 2 * false_dealer.rounds), before.context)
    with pytest.raises(SealError, match="C01 dealt C00 other shares than it signed"):
        _ = false_dealer.setup
    cheat = Board(count=5, threshold=4)
    store = cheat.members["C01"].store
    _ = cheat.announced
    store.put(1, "secrets", bytes(31) + b"\1" + store.get(1, "secrets")[32:])  # type: ignore[index]
    sent = cheat.frames(draws(cheat))
    with pytest.raises(SealError, match="C01 dealt shares of another secret than it committed to"):
        opened(cheat.setup, cheat.at, cheat.close(sent))


def test_strangers_replays_and_foreign_setups_are_refused() -> None:
    board, foreign = Board(count=4), Board(count=4, run="other")
    sent, strange = board.frames(draws(board)), foreign.frames(draws(foreign))
    frames = {country: post for country, (post, _) in sent.items()}
    one = board.members["C00"]
    with pytest.raises(SealError, match="XXX is no member"):
        one.reveal(board.setup, board.at, frames | {"XXX": frames["C01"]})
    with pytest.raises(SealError, match="frame post of C01 is not signed"):
        one.reveal(board.setup, board.at, frames | {"C01": strange["C01"][0]})
    with pytest.raises(SealError, match="of another kind, country, run"):
        one.reveal(board.setup, board.at, frames | {"C01": board.announced["C01"]})
    board.at = board.after()
    board.frames(draws(board, 1))
    with pytest.raises(SealError, match="of another round or model"):
        one.reveal(board.setup, board.at, frames | {"C00": one.store.get(2, "frame") or b""})
    with pytest.raises(SealError, match="keys post of C01 is not signed"):
        _ = Setup(terms=board.terms, announced=board.announced | {"C01": foreign.announced["C01"]}, deals={}).claims


def test_a_settled_round_cannot_be_opened_again() -> None:
    board = Board(count=4)
    closing = board.close(board.frames(draws(board)))
    for member in board.members.values():
        member.settle(1)
        with pytest.raises(SealError, match="keeps no held of round 1"):
            member.reveal(board.setup, board.at, closing.frames)


@pytest.mark.parametrize("count", [3, 5, 8, 11, 23])
def test_sums_of_any_lists_tell_of_three_countries_or_more(count: int) -> None:
    """A coordinator may choose lists, and a model may stand still: then sums of all lists add up and subtract."""
    members = [f"C{place:02}" for place in range(count)]
    for trial in range(30):
        rng = np.random.default_rng(trial)
        learning = set(rng.choice(members, int(rng.integers(3, count + 1)), replace=False))
        whole = groups(members, learning, 3, digest(trial))
        assert sorted(country for group in whole for country in group) == members
        assert all(len(group & learning) >= 3 for group in whole)
        came = set(rng.choice(members, int(rng.integers(0, count + 1)), replace=False))
        listed = next_list(whole, came)
        check_list(whole, listed)
        assert set(listed) <= came
        for less in members:
            with pytest.raises(SealError, match=f"lacks {less}"):
                check_list(whole, [country for country in members if country != less])
    assert groups(members, members, 3, digest("a run")) != groups(members, members, 3, digest("another")) or count < 6


def test_terms_under_which_two_lists_open_or_two_countries_sum_are_refused() -> None:
    board = Board(count=6)
    with pytest.raises(SealError, match="two lists"):
        replace(board.terms, threshold=3).check()
    with pytest.raises(SealError, match="two lists"):
        replace(board.terms, threshold=7).check()
    for fewest in (-1, 2, 7):
        with pytest.raises(SealError, match="256 members"):
            replace(board.terms, fewest=fewest).check()
    with pytest.raises(SealError, match="3 to 256 members"):
        SealTerms(run="r", plan="p", members=dict(list(board.terms.members.items())[:2]), threshold=2, rounds=1).check()
    for count in range(3, 60):
        assert 2 * default_threshold(count) > count + (count - 1) // 3


def test_numbers_survive_the_way_through_words() -> None:
    rng = np.random.default_rng(1)
    weights = whole_weights([1024, 4096, 512, 8192], 2.0)
    assert weights == [13, 51, 6, 64]  # 2 x median = 5120 is what the largest count for
    codec = Codec(values=500, scores=40, total=sum(weights), bound=0.5)
    values = rng.choice([-0.5, 0.5, 0.1, 1e-7], (4, 500))
    scores = rng.normal(0, 1e6, (4, 40))
    words = [codec.encode(*each) for each in zip(values, scores, weights, strict=True)]
    total = total_of(dict(enumerate(words)))
    mean = (values * np.array(weights)[:, None]).sum(axis=0) / sum(weights)
    assert np.abs(codec.mean(total, sum(weights)) - mean).max() <= 0.5 * codec.bound / codec.units * 1.001
    assert np.abs(codec.sums(total) - scores.sum(axis=0)).max() <= 4 * 2.0**-24
    with pytest.raises(OverflowError):
        codec.encode(values[0] * 2, scores[0], 1)
    with pytest.raises(OverflowError, match=r"^a score is too large to be summed$"):  # how large would leave with it
        codec.encode(values[0], np.full(40, 1e19), 1)
    with pytest.raises(ValueError, match="not finite"):
        codec.encode(values[0], np.full(40, np.nan), 1)
