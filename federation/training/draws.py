"""What each client of a chunk sees at each step: the batches and mask seeds that it would have alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from federation.training.jobs import Job, seed_of
from federation.training.sequential import batches, dtype_of
from federation.training.store import Store


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One step of K clients with B rows each at most.

    inputs: name -> (K, B, ...). target: (K, B, H), NaN in rows that only fill up. seeds: (K,) int64.
    sizes: rows of each client that are its own.
    """

    inputs: dict[str, Tensor]
    target: Tensor
    seeds: Tensor
    sizes: Sequence[int]


def width(jobs: Sequence[Job]) -> int:
    """Rows of a full batch of any of them: a power of two, so that clients with few rows come to few shapes."""
    longest = max(min(len(job.train), job.settings.batch_size) for job in jobs if job.train is not None)
    return min(1 << (longest - 1).bit_length(), max(longest, jobs[0].settings.batch_size))


class Draws:
    """Batches of several clients at once, cut out of all their records laid end to end."""

    def __init__(self, jobs: Sequence[Job], store: Store, *, full: bool) -> None:
        """jobs: by falling steps. full: always fill up to the longest batch of any, so that shapes hardly change."""
        windows = [job.train for job in jobs if job.train is not None]
        self._inputs, self._target, offsets = store.joined(windows, dtype_of(jobs[0].start))
        rows = [list(batches(job, len(own))) for job, own in zip(jobs, windows, strict=True)]
        self._sizes = [[len(batch) for batch in own] for own in rows]
        self._width = width(jobs) if full else 0
        self._rows, self._offsets = rows, torch.tensor(offsets)
        device = self._target.device
        seeds = [[seed_of(job.seed, step) for step in range(len(own))] for job, own in zip(jobs, rows, strict=True)]
        self._seeds = torch.tensor([own + [0] * (len(rows[0]) - len(own)) for own in seeds], device=device)
        self._step = 0

    def next(self, clients: int) -> Batch:
        """The next batch of each of the first `clients`."""
        step, self._step = self._step, self._step + 1
        sizes = [own[step] for own in self._sizes[:clients]]
        width = max(self._width, *sizes)
        rows = [own[step] for own in self._rows[:clients]]
        whole = min(sizes) == width
        places = torch.stack(rows) if whole else _filled(rows, width)
        # A filling row repeats the client's first: real values, so that no gradient of it can be NaN times zero.
        at = (places.clamp(min=0) + self._offsets[:clients, None]).to(self._target.device)
        target = self._target[at]
        if not whole:
            target[(places < 0).to(target.device)] = torch.nan
        return Batch(
            inputs={name: values[at] for name, values in self._inputs.items()},
            target=target,
            seeds=self._seeds[:clients, step].clone(),  # one layout for all, or a compiled step is compiled anew
            sizes=sizes,
        )


def _filled(rows: list[Tensor], width: int) -> Tensor:
    """(K, width) places, -1 beyond a client's own."""
    first = torch.nn.functional.pad(rows[0], (0, width - len(rows[0])), value=-1)  # the others are filled up to it
    return pad_sequence([first, *rows[1:]], batch_first=True, padding_value=-1)
