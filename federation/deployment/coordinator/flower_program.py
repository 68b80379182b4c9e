"""A program of Flower whose log has the form of the others': no colours, and a JSON object a line with `log=json`."""

import logging
import os
import sys
from importlib.metadata import entry_points

from flwr.common.logger import FLOWER_LOGGER, console_handler

from federation.deployment import logs


def main() -> None:
    """`python -m federation.deployment.coordinator.flower_program PART PROGRAM WORDS`: what `PROGRAM WORDS` does.

    Warnings and errors are logged as of this part; more, where a person has set Flower's own FLWR_LOG_LEVEL.
    """
    part, program, *words = sys.argv[1:]
    if "FLWR_LOG_LEVEL" not in os.environ:
        console_handler.setLevel(logging.WARNING)  # Flower's web server takes its level from here
    logs.begin(part)
    FLOWER_LOGGER.removeHandler(console_handler)
    FLOWER_LOGGER.setLevel(console_handler.level)
    [command] = entry_points(group="console_scripts", name=program)
    sys.argv = [program, *words]
    sys.exit(command.load()())


if __name__ == "__main__":
    main()
