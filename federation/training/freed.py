"""Memory that is free again: the C library keeps it, in pieces between what is in use, until it is asked for it."""

import ctypes
import sys


def give_back() -> None:
    """Return freed memory to the system, so that the peak of a process is what it uses; without glibc nothing happens.

    Source: https://man7.org/linux/man-pages/man3/malloc_trim.3.html
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
