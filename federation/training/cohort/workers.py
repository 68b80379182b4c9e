"""Worker processes for training: forks of this one, which hold its records, models and compiled steps already.

Threads would wait for Python's lock between steps; processes started afresh would need every record a second time. A
fork does arithmetic only: it keeps no file open but the standard ones, writes no log, and ends when this process does,
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

from federation.errors import one_line
from federation.training.cohort.chunks import steps_of
from federation.training.cohort.grouping import structure
from federation.training.cohort.shared_memory import Chunk, bytes_needed, shared_results
from federation.training.cohort.stacked import Trained
from tasks.data import DenseWindows
from tasks.gathered_windows import GatheredWindows, JoinedWindows

SLOWER = 10.0  # times as long as this process took for as many steps may a fork take,
PATIENCE = 60.0  # and seconds more: made while another thread held a lock, it could wait for that without end
PDEATHSIG = 1  # prctl(2): the signal that a process gets when its parent dies
BLOCKED_SIGNALS = {signal.SIGINT, signal.SIGTERM}
NOT_SENT = -1  # in place of a shared object's place
RECORDS = DenseWindows | GatheredWindows | JoinedWindows

Train = Callable[[Chunk], list[Trained]]


def can_fork() -> bool:
    """Whether a fork can train here. With several threads in torch's own loops it would wait for those it lacks."""
    return sys.platform == "linux" and torch.get_num_threads() == 1


class WorkerPool:
    """This process and its forks: made when first needed, and anew when they lack records, models or shared memory."""

    def __init__(self, workers: int) -> None:
        self.workers = workers  # this process among them
        self._processes: list[_Worker] = []
        self._objects: list[object] = []  # records and models: workers have those of the time they were forked
        self._place_of: dict[Hashable, int] = {}  # in that list, of records by id, of models by all but their weights
        self._bytes = 0
        self.unsendable = ""  # why a share could not be sent, where it was not the fork that failed
        finalize(self, _end_all, self._processes)

    def train(self, cut: Sequence[Chunk], train: Train) -> list[list[Trained] | None]:
        """What `train` makes of each chunk, in order; this process takes a share like the others.

        None for chunks of a fork that failed or was too slow: they are still to be trained.
        """
        many = max(1, min(self.workers, len(cut)))
        own, *others = [cut[number::many] for number in reversed(range(many))]  # the last share may be the shortest
        results: list[list[Trained] | None] = [None] * len(cut)
        try:
            names = self._prepare(others, train)
            for worker, share in zip(self._processes, others, strict=False):
                self.unsendable = worker.send(share, names) or self.unsendable
            began = perf_counter()
            results[many - 1 :: many] = [train(chunk) for chunk in own]
            longer = max([1.0, *(_steps_of_share(share) / max(1, _steps_of_share(own)) for share in others)])
            until = perf_counter() + SLOWER * longer * (perf_counter() - began) + PATIENCE
            for number, (worker, share) in enumerate(zip(self._processes, others, strict=False), start=2):
                results[many - number :: many] = worker.receive(share, until - perf_counter())
        except BaseException:
            self.end()  # nobody will read their results
            raise
        return results

    def end(self) -> None:
        """Leave no fork behind; the next call makes new ones."""
        _end_all(self._processes)

    def _prepare(self, shares: Sequence[Sequence[Chunk]], train: Train) -> Mapping[int, int]:
        """Forks enough that have what these need, or none where there is no memory or no process left.

        id of windows or of a model -> its place among the objects of the workers.
        """
        jobs = [job for share in shares for chunk in share for job in chunk]
        names: dict[int, int] = {}
        before = len(self._objects)
        for item in (item for job in jobs for item in (job.train, job.model)):
            if id(item) not in names:
                key = structure(item) if isinstance(item, nn.Module) else id(item)
                names[id(item)] = self._place_of.setdefault(key, len(self._objects))
                if names[id(item)] == len(self._objects):
                    self._objects.append(item)
        size = max(map(bytes_needed, shares), default=0)
        if len(self._processes) < len(shares) or size > self._bytes or len(self._objects) > before:
            self.end()
            self._bytes = max(size, self._bytes)
            with suppress(OSError), _signals_blocked():  # between a fork and its own handlers nobody may be interrupted
                for _ in shares:
                    self._processes.append(_Worker(self._bytes, self._objects, train))
        return {id(job.score): NOT_SENT for job in jobs} | names


def _steps_of_share(share: Sequence[Chunk]) -> int:
    """Of all clients of a share."""
    return sum(steps_of(job) for chunk in share for job in chunk)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_all(workers: "list[_Worker]") -> None:
    while workers:
        workers.pop().end()


class _Worker:
    """A copy of this process that trains the jobs it is sent.

    Jobs go there through a socket, without the records and models that it has; weights come back through shared memory.
    """

    def __init__(self, size: int, objects: Sequence[object], train: Train) -> None:
        self._memory = torch.frombuffer(mmap.mmap(-1, max(1, size)), dtype=torch.uint8)
        self._socket, own = socket.socketpair()
        self._healthy, self._parent, libc = True, os.getpid(), ctypes.CDLL(None)
        with warnings.catch_warnings():
            # Python 3.12 warns of every fork in a process with threads. The child uses nothing that they may hold, and
            # PATIENCE bounds the wait.
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                self._process = os.fork()
            except OSError:
                self._socket.close()
                own.close()
                raise
        if self._process:
            own.close()
            return
        try:
            libc.prctl(PDEATHSIG, signal.SIGKILL)
            if os.getppid() == self._parent:  # else it died before the prctl
                _isolate(own.fileno())
                self._serve(own, objects, train)
        finally:
            os._exit(0)  # without any clean-up of what is the parent's

    def _serve(self, connection: socket.socket, objects: Sequence[object], train: Train) -> None:
        """Train every share received, until an error, for example when the connection ends."""
        requests = connection.makefile("rb")
        while True:
            share = _Unpickler(requests, objects).load()
            for section, chunk in zip(shared_results(self._memory, share), share, strict=True):
                section.write(train(chunk))
            connection.sendall(b"done")
            gc.collect()  # every vmapped step leaves some KiB in cycles

    def send(self, share: Sequence[Chunk], names: Mapping[int, int]) -> str:
        """Send a share to train; why it cannot be sent to any process, or ''."""
        message = BytesIO()
        try:
            _Pickler(message, names).dump(share)
            self._socket.settimeout(PATIENCE)
            self._socket.sendall(message.getbuffer())
        except OSError:  # a fork that died
            self._healthy = False
        except Exception as error:  # a loss that cannot be pickled, for which pickle has errors of many kinds
            self._healthy = False
            return one_line(error)
        return ""

    def receive(self, share: Sequence[Chunk], seconds: float) -> Sequence[list[Trained] | None]:
        """The results of the share sent last, after waiting so long at most; None for each chunk if it failed."""
        with suppress(OSError):  # no reply in time, or the worker is gone
            self._socket.settimeout(max(0.001, seconds))
            if self._healthy and self._socket.recv(4, socket.MSG_WAITALL) == b"done":
                return [section.read() for section in shared_results(self._memory, share)]
        self._healthy = False
        return [None] * len(share)

    def end(self) -> None:
        """End the process."""
        self._socket.close()
        if os.getpid() == self._parent:
            with suppress(ProcessLookupError, ChildProcessError):  # somebody else waited for it
                os.kill(self._process, signal.SIGKILL)
                os.waitpid(self._process, 0)


def _isolate(connection: int) -> None:
    """Nothing that a fork does may be taken for its parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # sent to all of a terminal's processes: the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED_SIGNALS)
    logging.disable()
    gc.freeze()  # what there is belongs to the parent
    gc.disable()  # and what comes is collected once a share, when nobody waits
    for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if number > 2 and number != connection:  # standard input, output and errors stay
            with suppress(OSError):  # what listed them is closed by now
                os.close(number)


class _Pickler(pickle.Pickler):
    """Jobs without records and models."""

    def __init__(self, file: BytesIO, names: Mapping[int, int]) -> None:
        super().__init__(file, protocol=5)
        self._names = names

    def persistent_id(self, item: object) -> int | None:
        """The place of an object that workers hold. Raises PicklingError for other models or windows, as in a loss."""
        if id(item) in self._names:
            return self._names[id(item)]
        if isinstance(item, RECORDS | nn.Module):
            raise pickle.PicklingError(f"a {type(item).__name__} that is neither trained nor trained on")
        return None

    def reducer_override(self, item: object) -> Any:
        """Tensors as arrays, in a tenth of the time of torch's own way."""
        if type(item) is Tensor and item.dtype != torch.bfloat16:
            return torch.from_numpy, (item.detach().numpy(),)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, objects: Sequence[object]) -> None:
        super().__init__(file)
        self._objects = objects

    def persistent_load(self, place: int) -> object:
        """The worker's own object; windows that are only scored are not needed there."""
        return None if place == NOT_SENT else self._objects[place]
