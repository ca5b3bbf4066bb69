"""Logging of the process: one line an event, to standard error. Secrets are never put in a message."""

from __future__ import annotations

import logging
import logging.config
from typing import Final

_UNPRINTABLE: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}


class OneLine(logging.Filter):
    """Escapes control characters in messages: what a caller sent must not write lines of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrites the record; lets every one pass. A traceback keeps its lines."""
        record.msg, record.args = record.getMessage().translate(_UNPRINTABLE), ()
        return True


def configure(level: str) -> None:
    """Has this program and its web server log at `level`, and everything else from warnings on."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"}},
            "filters": {"one line": {"()": OneLine}},
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["one line"]}
            },
            "root": {"level": "WARNING", "handlers": ["stderr"]},
            "loggers": {"flagd": {"level": level.upper()}, "uvicorn.error": {"level": "WARNING"}},
        }
    )
