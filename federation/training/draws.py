"""What each client of a chunk sees at each step: the batches and mask seeds that it would have alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from federation.training.jobs import Job, seed_of
from federation.training.sequential import batches
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


class Draws:
    """Batches of several clients at once, cut out of all their records laid end to end."""

    def __init__(self, jobs: Sequence[Job], store: Store, *, full: bool) -> None:
        """full: always fill up to the longest batch of any client, so that shapes hardly change."""
        windows = [job.train for job in jobs if job.train is not None]
        self._jobs = jobs
        self._inputs, self._target, offsets = store.joined(windows)
        self._offsets = torch.tensor(offsets)
        self._orders = [batches(job, len(own)) for job, own in zip(jobs, windows, strict=True)]
        longest = max(min(len(own), job.settings.batch_size) for job, own in zip(jobs, windows, strict=True))
        # A power of two, so that chunks of clients with few rows come to few shapes.
        self._width = min(1 << (longest - 1).bit_length(), max(longest, jobs[0].settings.batch_size)) if full else 0
        self._step = 0

    def next(self, clients: int) -> Batch:
        """The next batch of each of the first `clients`."""
        rows = [next(order) for order in self._orders[:clients]]
        sizes = [len(own) for own in rows]
        width = max(self._width, *sizes)
        if sizes[0] < width:  # pad_sequence fills up to the longest
            rows[0] = torch.nn.functional.pad(rows[0], (0, width - sizes[0]), value=-1)
        places = pad_sequence(rows, batch_first=True, padding_value=-1)
        filler = places < 0
        # A filling row repeats the client's first: real values, so that no gradient of it can be NaN times zero.
        places = (places.clamp(min=0) + self._offsets[:clients, None]).to(self._target.device)
        target = self._target[places]
        if min(sizes) < width:
            target[filler.to(target.device)] = torch.nan
        seeds = [seed_of(job.seed, self._step) for job in self._jobs[:clients]]
        self._step += 1
        return Batch(
            inputs={name: values[places] for name, values in self._inputs.items()},
            target=target,
            seeds=torch.tensor(seeds).to(target.device),
            sizes=sizes,
        )
