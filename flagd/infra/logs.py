"""Logging of the process: one line an event, to standard error. Secrets are never put in a message."""

from __future__ import annotations

import logging.config


def configure(level: str) -> None:
    """Has this program and its web server log at `level`, and everything else from warnings on."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"level": "WARNING", "handlers": ["stderr"]},
            "loggers": {"flagd": {"level": level.upper()}, "uvicorn.error": {"level": "WARNING"}},
        }
    )
