"""Logging: one line an event, for people or for machines."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, message, error."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class ClientFaults(logging.Filter):
    """Makes one line, without a traceback, of what aiohttp says about requests that are no HTTP."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is worth a line."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError | RequestPayloadError):
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args = "bad request: %s", (type(error).__name__,)
            record.exc_info = record.exc_text = None
            return logging.getLogger().isEnabledFor(logging.INFO)
        return True


def configure(level: str, form: str) -> None:
    """Send logs to standard error. Raises `ValueError` for an unknown level."""
    handler = logging.StreamHandler()
    if form == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # The steps of a migration, each change of a watched folder and each chunk of a picture are for debugging.
    chatty = logging.NOTSET if level == "debug" else max(logging.WARNING, logging.getLogger().level)
    for name in ("alembic", "watchfiles"):
        logging.getLogger(name).setLevel(chatty)
    logging.getLogger("PIL").setLevel(max(logging.INFO, logging.getLogger().level))
    server = logging.getLogger("aiohttp.server")
    if not any(isinstance(found, ClientFaults) for found in server.filters):
        server.addFilter(ClientFaults())
