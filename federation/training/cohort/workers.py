"""Processes that train beside this one: forks of it, in which records, models and compiled steps lie already.

Threads would wait for Python's lock between steps; processes started afresh would need every record a second time. A
fork does arithmetic alone: it keeps no file open but the standard ones, writes no log, and ends when this process does,
however that is. So what is worth a warning must have happened here first.
"""

import ctypes
import gc
import logging
import mmap
import os
import pickle
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO
from weakref import finalize

import torch
from torch import Tensor, nn

from federation.training.cohort.chunks import steps_of
from federation.training.cohort.grouping import structure
from federation.training.cohort.shared_memory import Chunk, room_of, shelves
from federation.training.cohort.stacked import Trained
from tasks.data import DenseWindows
from tasks.gathered_windows import GatheredWindows, JoinedWindows

SLOWER = 10.0  # times as long as this process took for as many steps may a fork take,
PATIENCE = 60.0  # and seconds more: made while another thread held a lock, it could wait for that without end
PDEATHSIG = 1  # prctl(2): the signal that a process gets when its parent dies
HELD_BACK = {signal.SIGINT, signal.SIGTERM}
NOTHING = -1  # a place among things
RECORDS = DenseWindows | GatheredWindows | JoinedWindows

Train = Callable[[Chunk], list[Trained]]


def possible() -> bool:
    """Whether a fork can train here. With several threads in torch's own loops it would wait for those it lacks."""
    return sys.platform == "linux" and torch.get_num_threads() == 1


class Crew:
    """This process and its forks: made when first needed, and anew for what they lack: records, models, room."""

    def __init__(self, workers: int) -> None:
        self.workers = workers  # this process among them
        self._forks: list[_Fork] = []
        self._things: list[object] = []  # records and models: forks have those that were there when they were made
        self._places: dict[Hashable, int] = {}  # in that list, of records by id, of models by all but their weights
        self._room = 0
        finalize(self, _end, self._forks)

    def train(self, cut: Sequence[Chunk], train: Train) -> list[list[Trained] | None]:
        """What `train` makes of each chunk, in order; this process takes a share like the others.

        None for chunks of a fork that failed or was too slow: they are still to be trained.
        """
        many = max(1, min(self.workers, len(cut)))
        own, *others = [cut[number::many] for number in reversed(range(many))]  # the last share may be the shortest
        found: list[list[Trained] | None] = [None] * len(cut)
        try:
            names = self._prepare(others, train)
            for fork, share in zip(self._forks, others, strict=False):
                fork.ask(share, names)
            began = perf_counter()
            found[many - 1 :: many] = [train(chunk) for chunk in own]
            longer = max([1.0, *(_steps(share) / max(1, _steps(own)) for share in others)])
            until = perf_counter() + SLOWER * longer * (perf_counter() - began) + PATIENCE
            for number, (fork, share) in enumerate(zip(self._forks, others, strict=False), start=2):
                found[many - number :: many] = fork.answer(share, until - perf_counter())
        except BaseException:
            self.end()  # what they are at is of no use to anybody
            raise
        return found

    def end(self) -> None:
        """Leave no fork behind; the next call makes new ones."""
        _end(self._forks)

    def _prepare(self, shares: Sequence[Sequence[Chunk]], train: Train) -> Mapping[int, int]:
        """Forks enough that have what these need, or none where there is no memory or no process left.

        id of windows or of a model -> its place among their things.
        """
        jobs = [job for share in shares for chunk in share for job in chunk]
        names: dict[int, int] = {}
        before = len(self._things)
        for thing in (thing for job in jobs for thing in (job.train, job.model)):
            if id(thing) not in names:
                key = structure(thing) if isinstance(thing, nn.Module) else id(thing)
                names[id(thing)] = self._places.setdefault(key, len(self._things))
                if names[id(thing)] == len(self._things):
                    self._things.append(thing)
        room = max(map(room_of, shares), default=0)
        if len(self._forks) < len(shares) or room > self._room or len(self._things) > before:
            self.end()
            self._room = max(room, self._room)
            with suppress(OSError), _held_back():  # between a fork and its own handlers nobody may be interrupted
                for _ in shares:
                    self._forks.append(_Fork(self._room, self._things, train))
        return {id(job.score): NOTHING for job in jobs} | names


def _steps(share: Sequence[Chunk]) -> int:
    """Of all clients of a share."""
    return sum(steps_of(job) for chunk in share for job in chunk)


@contextmanager
def _held_back() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(forks: "list[_Fork]") -> None:
    while forks:
        forks.pop().end()


class _Fork:
    """A copy of this process that trains what it is asked to.

    Jobs go there through a socket, without what it has; weights come back through shared memory.
    """

    def __init__(self, room: int, things: Sequence[object], train: Train) -> None:
        self._memory = torch.frombuffer(mmap.mmap(-1, max(1, room)), dtype=torch.uint8)
        self._line, own = socket.socketpair()
        self._well, self._parent, libc = True, os.getpid(), ctypes.CDLL(None)
        with warnings.catch_warnings():
            # Python 3.12 warns of every fork beside threads. What they may hold is not used there, and PATIENCE ends.
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                self._process = os.fork()
            except OSError:
                self._line.close()
                own.close()
                raise
        if self._process:
            own.close()
            return
        try:
            libc.prctl(PDEATHSIG, signal.SIGKILL)
            if os.getppid() == self._parent:  # else it died before it could be told
                _keep_to_itself(own.fileno())
                self._serve(own, things, train)
        finally:
            os._exit(0)  # without any clean-up of what is the parent's

    def _serve(self, line: socket.socket, things: Sequence[object], train: Train) -> None:
        """Train what is asked for, until an error: at the end of the line, say."""
        asked = line.makefile("rb")
        while True:
            share = _Unpickler(asked, things).load()
            for shelf, chunk in zip(shelves(self._memory, share), share, strict=True):
                shelf.fill(train(chunk))
            line.sendall(b"done")
            gc.collect()  # every vmapped step leaves some KiB in cycles

    def ask(self, share: Sequence[Chunk], names: Mapping[int, int]) -> None:
        """Let it train these."""
        message = BytesIO()
        try:
            _Pickler(message, names).dump(share)
            self._line.settimeout(PATIENCE)
            self._line.sendall(message.getbuffer())
        except Exception:  # a fork that died; a loss that cannot be pickled, for which pickle has errors of many kinds
            self._well = False

    def answer(self, share: Sequence[Chunk], seconds: float) -> Sequence[list[Trained] | None]:
        """What it came to, after waiting so long at most."""
        with suppress(OSError):  # no answer in time, or no longer anybody there
            self._line.settimeout(max(0.001, seconds))
            if self._well and self._line.recv(4, socket.MSG_WAITALL) == b"done":
                return [shelf.read() for shelf in shelves(self._memory, share)]
        self._well = False
        return [None] * len(share)

    def end(self) -> None:
        """Leave nothing of it."""
        self._line.close()
        if os.getpid() == self._parent:
            with suppress(ProcessLookupError, ChildProcessError):  # somebody else waited for it
                os.kill(self._process, signal.SIGKILL)
                os.waitpid(self._process, 0)


def _keep_to_itself(line: int) -> None:
    """Nothing that a fork does may be taken for its parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # sent to all of a terminal's processes: the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
    logging.disable()
    gc.freeze()  # what there is belongs to the parent
    gc.disable()  # and what comes is collected once a share, when nobody waits
    for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if number > 2 and number != line:  # standard input, output and errors stay
            with suppress(OSError):  # what listed them is closed by now
                os.close(number)


class _Pickler(pickle.Pickler):
    """Jobs without records and models."""

    def __init__(self, file: BytesIO, names: Mapping[int, int]) -> None:
        super().__init__(file, protocol=5)
        self._names = names

    def persistent_id(self, thing: object) -> int | None:
        """The place of a fork's own. Raises PicklingError for other models or windows, in a loss, say."""
        if id(thing) in self._names:
            return self._names[id(thing)]
        if isinstance(thing, RECORDS | nn.Module):
            raise pickle.PicklingError(f"a {type(thing).__name__} that is neither trained nor trained on")
        return None

    def reducer_override(self, thing: object) -> Any:
        """Tensors as arrays, in a tenth of the time of torch's own way."""
        if type(thing) is Tensor and thing.dtype != torch.bfloat16:
            return torch.from_numpy, (thing.detach().numpy(),)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, things: Sequence[object]) -> None:
        super().__init__(file)
        self._things = things

    def persistent_load(self, place: int) -> object:
        """What was left out; windows that are only scored are nothing to a fork."""
        return None if place == NOTHING else self._things[place]
