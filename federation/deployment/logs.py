"""Logs of a node's processes: lines of text, or one JSON object a line (`log=json`)."""

import json
import logging
import os
from datetime import UTC, datetime

FORM = "GOTONG_LOG"  # environment variable: text | json


class JsonFormatter(logging.Formatter):
    """The keys of the supervisor's own lines, and the part. More values come in `extra={"values": {...}}`."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the record holds."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        line = {"at": at, "part": self._part, "level": record.levelname.lower(), "event": record.getMessage()}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line | getattr(record, "values", {}), sort_keys=True)


def begin(part: str) -> None:
    """Log everything of `part` from now on, and only warnings of libraries."""
    as_text = logging.Formatter(f"%(asctime)s {part} %(message)s")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(part) if os.environ.get(FORM) == "json" else as_text)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger(part).setLevel(logging.INFO)
