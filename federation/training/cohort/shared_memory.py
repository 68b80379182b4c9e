"""Shared memory for trained weights: one section a chunk, laid out the same for the writer and the reader."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from federation.training.cohort.chunks import steps_of
from federation.training.cohort.stacked import Trained
from federation.training.jobs import Job

ALIGNED = 64  # bytes

Chunk = Sequence[Job]


def bytes_needed(share: Sequence[Chunk]) -> int:
    """Bytes that the results of a share take."""
    return sum(_section_ends(chunk)[-1] for chunk in share)


def shared_results(memory: Tensor, share: Sequence[Chunk]) -> "list[SharedResults]":
    """One for each chunk, one after another."""
    sections = []
    for chunk in share:
        sections.append(SharedResults(memory, chunk))
        memory = memory[_section_ends(chunk)[-1] :]
    return sections


def _section_ends(jobs: Chunk) -> list[int]:
    """Where a section's losses end, and each of its stacks of weights."""
    ends = [0]
    for size in (8, *(value.numel() * value.element_size() for value in jobs[0].start.values())):
        ends.append(ends[-1] + -(-len(jobs) * size // ALIGNED) * ALIGNED)
    return ends[1:]


class SharedResults:
    """Losses and trained weights of one chunk, in shared memory."""

    def __init__(self, memory: Tensor, jobs: Chunk) -> None:
        self._jobs, self._losses, self._params = jobs, memory[: 8 * len(jobs)].view(torch.float64), {}
        for (name, value), (begin, _) in zip(jobs[0].start.items(), pairwise(_section_ends(jobs)), strict=True):
            size = len(jobs) * value.numel() * value.element_size()
            self._params[name] = memory[begin : begin + size].view(value.dtype).view(len(jobs), *value.shape)

    def write(self, trained: Sequence[Trained]) -> None:
        """One for each job, in order."""
        for client, one in enumerate(trained):
            self._losses[client] = one.loss
            for name, value in one.params.items():
                self._params[name][client] = value.detach()

    def read(self) -> list[Trained]:
        """Copies, for the next share comes into the same memory."""
        rows = {name: values.clone().unbind() for name, values in self._params.items()}
        return [
            Trained(params={name: own[client] for name, own in rows.items()}, loss=loss, steps=steps_of(job))
            for client, (job, loss) in enumerate(zip(self._jobs, self._losses.tolist(), strict=True))
        ]
