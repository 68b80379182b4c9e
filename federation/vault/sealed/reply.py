"""What a request of a sealed run comes to, before it is committed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from federation.errors import SealError
from federation.seals import posts
from federation.seals.masks import Words, read_words
from federation.seals.sums import Closing
from federation.training.jobs import Job, Result
from federation.wire.frame import Frame


@dataclass(frozen=True, kw_only=True)
class Reply:
    """finish: makes the reply, inside the transaction that keeps it. jobs: whose results `finish_round` takes."""

    finish: Callable[[], Frame] | None = None
    jobs: tuple[Job, ...] = ()
    finish_round: Callable[[Sequence[Result]], Frame] | None = None

    def made(self, results: Sequence[Result]) -> Frame:
        """The reply's frame. Raises what makes it impossible; nothing is kept then."""
        if self.finish_round is not None:
            return self.finish_round(results)
        assert self.finish is not None, "one of the two makes the reply"
        return self.finish()


def array_group(frame: Frame, group: str) -> dict[str, bytes]:
    """country -> its bytes in a request. Raises SealError for arrays of another dtype."""
    return {name: posts.bytes_of(frame, f"{group}/{name}") for name in frame.group(group)}


def closing_of(frame: Frame) -> Closing:
    """What a request says of how the round before it ended. Raises SealError."""
    words: dict[str, Words] = {}
    for country, value in frame.group("words").items():
        if value.dtype != np.uint8 or value.ndim != 1 or len(value) % 4:
            raise SealError(f"the words of {country[:40]} are none")
        words[country] = read_words(value.tobytes())
    return Closing(frames=array_group(frame, "frame"), words=words, reveals=array_group(frame, "reveal"))
