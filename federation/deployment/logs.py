"""What a node's processes say: lines for a person, or a JSON object a line where their supervisor was asked for it."""

import json
import logging
import os
from datetime import UTC, datetime

FORM = "GOTONG_LOG"  # environment variable: text | json


class AsJson(logging.Formatter):
    """The keys of the supervisor's own lines, and whose line it is. Values come in `extra={"values": {...}}`."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever is in it."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        line = {"at": at, "part": self._part, "level": record.levelname.lower(), "event": record.getMessage()}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line | getattr(record, "values", {}), sort_keys=True)


def begin(part: str) -> None:
    """Say what `part` logs from now on, and of libraries only what is wrong."""
    as_text = logging.Formatter(f"%(asctime)s {part} %(message)s")
    handler = logging.StreamHandler()
    handler.setFormatter(AsJson(part) if os.environ.get(FORM) == "json" else as_text)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger(part).setLevel(logging.INFO)
