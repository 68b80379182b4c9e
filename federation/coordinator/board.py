"""The coordinator of a sealed run as a board: it forwards what countries publish, and adds nothing of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from flwr.serverapp import Grid
from numpy.typing import NDArray

from federation.coordinator.exchange import exchange
from federation.coordinator.state import Arrays, Federation
from federation.errors import QuorumError, WireError
from federation.seals import posts
from federation.seals.masks import Words, little, read_words
from federation.seals.model import SharedModel, from_bytes, to_bytes
from federation.seals.setup import Setup
from federation.seals.sums import Closing, Place
from federation.seals.terms import SealTerms
from federation.wire.flower_message import unseal
from federation.wire.frame import Frame, decode, encode

LONGEST = 500  # letters of a reason


@dataclass(frozen=True, kw_only=True)
class Published:
    """All that a sealed run has published so far. boxes: dealer -> recipient -> its encrypted shares.

    place, model: of the round that is open. closing: what closed the one before. sent: country -> post and words of its
    frame, once the list of the open round is fixed.
    """

    announced: Mapping[str, bytes]
    deals: Mapping[str, bytes]
    boxes: Mapping[str, Mapping[str, bytes]]
    place: Place
    model: SharedModel
    closing: Closing | None = None
    sent: Mapping[str, tuple[bytes, Words]] = field(default_factory=dict)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As a checkpoint keeps it."""
        named = {"round": str(self.place.round).encode(), "model": to_bytes(self.model)}
        named |= {f"keys/{country}": post for country, post in self.announced.items()}
        named |= {f"deal/{country}": post for country, post in self.deals.items()}
        named |= {f"box/{dealer}/{to}": box for dealer, boxes in self.boxes.items() for to, box in boxes.items()}
        for country, (post, words) in self.sent.items():
            named |= {f"sent_post/{country}": post, f"sent_words/{country}": little(words)}
        if self.closing is not None:
            named |= {name: value.tobytes() for name, value in closing_arrays(self.closing).items()}
        return {name: posts.as_array(value) for name, value in named.items()}


def published(arrays: Arrays) -> Published:
    """As `Published.arrays` kept it."""
    raw = {name: value.tobytes() for name, value in arrays.items()}
    model = from_bytes(raw["model"])
    boxes: dict[str, dict[str, bytes]] = {}
    for name, value in raw.items():
        if name.startswith("box/"):
            _, dealer, recipient = name.split("/")
            boxes.setdefault(dealer, {})[recipient] = value
    closing = Closing(
        frames=_group(raw, "frame"),
        words={country: read_words(value) for country, value in _group(raw, "words").items()},
        reveals=_group(raw, "reveal"),
    )
    sent_words = _group(raw, "sent_words")
    return Published(
        announced=_group(raw, "keys"),
        deals=_group(raw, "deal"),
        boxes=boxes,
        place=Place(round=int(raw["round"]), model=model.digest),
        model=model,
        closing=closing if closing.frames else None,
        sent={country: (post, read_words(sent_words[country])) for country, post in _group(raw, "sent_post").items()},
    )


def setup_of(terms: SealTerms, known: Published) -> Setup:
    """What all members know of each other."""
    return Setup(terms=terms, announced=known.announced, deals=known.deals)


def closings(countries: Iterable[str], closing: Closing) -> dict[str, Arrays]:
    """country -> what closed a round, as its request carries it: it has its own words itself."""
    whole = closing_arrays(closing)
    return {
        country: {name: value for name, value in whole.items() if name != f"words/{country}"} for country in countries
    }


def closing_arrays(closing: Closing) -> dict[str, NDArray[Any]]:
    """What closed a round."""
    named = {f"frame/{country}": post for country, post in closing.frames.items()}
    named |= {f"words/{country}": little(words) for country, words in closing.words.items()}
    named |= {f"reveal/{country}": post for country, post in closing.reveals.items()}
    return {name: posts.as_array(value) for name, value in named.items()}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Replies to one request. frames: country -> its reply. refused: country -> why there is none that counts.

    sent, received: country -> bytes of its reply, and of the request.
    """

    frames: Mapping[str, Frame]
    refused: Mapping[str, str]
    sent: Mapping[str, int]
    received: Mapping[str, int]

    def need_all(self, what: str) -> "Asked":
        """Itself. Raises QuorumError unless every country replied."""
        if self.refused:
            raise QuorumError(f"{what}: {'; '.join(self.refused.values())}")
        return self


def ask(
    grid: Grid, federation: Federation, kind: str, round_: int, arrays: Mapping[str, Arrays], **header: Any
) -> Asked:
    """Send every country its request, again where it is silent, and read the replies. arrays: country -> its arrays."""
    settings = federation.settings
    requests = {
        country: encode(Frame(kind=kind, header={"run": federation.run, "round": round_, **header}, arrays=own))
        for country, own in arrays.items()
    }
    until = None if settings.deadline is None else monotonic() + settings.deadline
    frames: dict[str, Frame] = {}
    refused: dict[str, str] = {}
    sent: dict[str, int] = {}
    for _ in range(1 + settings.retries):
        silent = {country: data for country, data in requests.items() if country not in {*frames, *refused}}
        left = None if until is None else until - monotonic()
        if not silent or (left is not None and left <= 0):
            break
        for country, reply in exchange(grid, federation, round_, silent, left):
            try:
                data = unseal(reply.content)
                frame = decode(data)
            except WireError as error:
                refused[country] = f"{country}: {error}"
                continue
            sent[country] = len(data)
            if frame.kind == kind and (frame.header.get("country"), frame.header.get("round")) == (country, round_):
                frames.setdefault(country, frame)
            else:
                refused[country] = _one_line(str(frame.header.get("reason", f"{country} sent a {frame.kind[:40]}")))
    refused |= {
        country: f"{country} did not reply in time" for country in requests if country not in {*frames, *refused}
    }
    received = {country: len(data) for country, data in requests.items()}
    return Asked(frames=frames, refused=refused, sent=sent, received=received)


def _one_line(reason: str) -> str:
    return "".join(letter for letter in " ".join(reason[:1000].split()) if letter.isprintable())[:LONGEST]


def _group(raw: Mapping[str, bytes], group: str) -> dict[str, bytes]:
    start = f"{group}/"
    return {name.removeprefix(start): value for name, value in raw.items() if name.startswith(start)}
