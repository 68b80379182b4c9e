"""What a call changes of the process, put back when it ends: a notebook goes on as if nothing had run."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import torch
from rich.console import Console

from federation.composition.hydra_state import without_hydra
from federation.packages.load import load_all
from federation.runs.progress_bar import NOISY, WIDTH

SILENT = {"FLWR_TELEMETRY_ENABLED": "0", "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}


@contextmanager
def restored() -> Iterator[tuple[Console, StringIO]]:
    """Signals, torch's threads, Hydra's state, sys.argv, the environment and loggers as they were before the block.

    Yields a console, and the text that it and `print` wrote to it; nothing appears on the screen.
    """
    argv, environment, threads = list(sys.argv), dict(os.environ), torch.get_num_threads()
    handlers, loggers = _handlers(), {name: _logger(name) for name in NOISY}
    os.environ.update(SILENT)
    for line in load_all():
        warnings.warn(line, stacklevel=4)
    output = StringIO()
    try:
        with without_hydra(), redirect_stdout(output):
            console = Console(file=output, width=WIDTH, highlight=False, force_terminal=False, force_jupyter=False)
            yield console, output
    finally:
        sys.argv = argv
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        torch.set_num_threads(threads)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for name, (own, level) in loggers.items():
            logging.getLogger(name).handlers[:] = own
            logging.getLogger(name).setLevel(level)


def _handlers() -> dict[signal.Signals, Any]:
    """Those that Python knows of and can set again, which the main thread alone can."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    return {
        signal.Signals(number): handler
        for number, handler in handlers.items()
        if handler is not None and number in list(signal.Signals) and number not in (signal.SIGKILL, signal.SIGSTOP)
    }


def _logger(name: str) -> tuple[list[logging.Handler], int]:
    return list(logging.getLogger(name).handlers), logging.getLogger(name).level
