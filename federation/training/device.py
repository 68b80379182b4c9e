"""Where training runs, how exactly, and what it may use of the memory."""

import os
import re
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter

import torch
from torch import Tensor

from federation.errors import ConfigError
from federation.settings.schema import PRECISIONS

# Nominal power of a busy core: 3 to 8 W of a server's processor, 8 to 15 of a desktop's; memory and supply come on top.
CORE_WATTS = 10.0
CARD_WATTS = 700.0  # of the largest cards of 2024; for as long as one is used
SHARE = 0.5  # of the free memory that one chunk may fill; activations of the backward pass are an estimate


def device_of(name: str) -> torch.device:
    """cpu, cuda, cuda:1, ..., or auto for the first GPU if there is one. Raises ConfigError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", name):
        raise ConfigError(f"device={name} is none of auto, cpu, cuda, cuda:1")
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device={name}, but torch finds no GPU here; set device=cpu")
    if device.index is not None and device.index >= torch.cuda.device_count():
        raise ConfigError(f"device={name}, but torch finds {torch.cuda.device_count()} GPU here; the first is cuda:0")
    return device


def free_bytes(device: torch.device) -> int:
    """Memory that can still be had: of the card, or of the machine."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        import psutil
    except ImportError:  # a bare machine; what the system could take from its caches is left out then
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(psutil.virtual_memory().available)


def largest_chunk(weights: int, activations: int, device: torch.device) -> int:
    """Clients whose weights, gradients, moments and activations (bytes each) fit into SHARE of the free memory."""
    copies = 5  # weights, start, gradient, two moments
    return max(1, int(SHARE * free_bytes(device) / (copies * weights + activations)))


def to_cpu(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same values on the CPU, detached from autograd.

    A card's arrive in page-locked memory, which torch keeps for the next ones: 350 MB took 6 ms and not 220 on an H200.
    """
    if all(value.device.type == "cpu" for value in values.values()):
        return {name: value.detach() for name, value in values.items()}
    there = {name: torch.empty(value.shape, dtype=value.dtype, pin_memory=True) for name, value in values.items()}
    for name, value in values.items():
        there[name].copy_(value.detach(), non_blocking=True)
    for card in {value.device for value in values.values() if value.is_cuda}:
        torch.cuda.synchronize(card)
    return there


def cpu_seconds() -> float:
    """Of this process and of its children that ended: forks that trained, a compiler."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


class Meter:
    """What a device was used for since this was made."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._began, self._worked = device, perf_counter(), cpu_seconds()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def read(self) -> dict[str, float]:
        """seconds; wh: an estimate by nominal power (CORE_WATTS, CARD_WATTS); peak_mib: of the card since then, or of
        this process ever; busy_percent: of the card, as its driver says (left out without nvidia-ml-py), or of one
        core."""
        seconds, busy = perf_counter() - self._began, cpu_seconds() - self._worked
        cards = int(self._device.type == "cuda")
        used = {"seconds": seconds, "wh": (CORE_WATTS * busy + CARD_WATTS * cards * seconds) / 3600}
        if not cards:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            return used | {"peak_mib": peak, "busy_percent": 100 * busy / max(seconds, 1e-9)}
        used |= {"peak_mib": torch.cuda.max_memory_allocated(self._device) / 2**20}
        try:
            return used | {"busy_percent": float(torch.cuda.utilization(self._device))}
        except ModuleNotFoundError:
            return used


@contextmanager
def matmul_precision(precision: str) -> Iterator[None]:
    """Matrix products of exact float32, or TF32 where the device knows it; put back at the end."""
    if precision not in PRECISIONS:
        raise ConfigError(f"precision={precision} is none of {', '.join(PRECISIONS)}")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Products in bf16 with float32 weights, for precision bf16; a context of the thread that enters it."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
