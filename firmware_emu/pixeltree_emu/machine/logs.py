"""Structured log lines: one event a line, as ``key=value`` or as JSON.

What happened is the message, a constant; its particulars are fields::

    logger.info("session opened", extra=fields(wire=wire.name))

The message tells which events are of one kind, of which only the first are written in full
(:class:`~pixeltree_emu.machine.moderation.Moderation`).
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

from pixeltree_emu.machine.moderation import Moderation

FORMATS = ("text", "json")

Value = str | int | float | bool | None

_BARE = re.compile(r"[\w.:/@%+,\[\]-]+", re.ASCII)


moderation = Moderation(logging.getLogger(__name__))
"""That of the log which :func:`configure` sets up."""


def fields(**values: Value) -> dict[str, dict[str, Value]]:
    """The particulars of an event, to be given as ``extra``."""
    return {"fields": values}


class TextFormatter(logging.Formatter):
    """``time=... level=... event="session opened" wire=...``; values are quoted as in JSON if need be."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the values hold."""
        return " ".join(f"{key}={_shown(value)}" for key, value in _facts(self, record).items())


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the values hold."""
        return json.dumps(_facts(self, record))


def configure(style: str, level: int) -> None:
    """Log to standard error, moderated.

    Args:
        style: one of :data:`FORMATS`.
        level: least level of :mod:`logging` to be shown.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    handler.addFilter(moderation)
    logging.basicConfig(level=level, handlers=[handler])


def _facts(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, Value]:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    facts: dict[str, Value] = {
        "time": when.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "event": record.getMessage(),
        "logger": record.name,
        **getattr(record, "fields", {}),
    }
    if record.exc_info:
        facts["traceback"] = formatter.formatException(record.exc_info)
    return facts


def _shown(value: Value) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if _BARE.fullmatch(text) else json.dumps(text)
