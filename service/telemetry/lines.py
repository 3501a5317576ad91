"""How a log line is written: one JSON object on standard error, whoever logged it.

What other libraries log goes the same way. Their arguments and the messages of their exceptions
may quote a request, so a line holds the text as it stands in their code, and an exception as its
type and the places it went through.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import PurePath
from traceback import walk_tb
from types import TracebackType
from typing import Any, Final

import structlog

LEVELS: Final = ("debug", "info", "warning", "error")
_QUIET: Final = ("httpx", "httpcore", "uvicorn.error", "alembic")
"""Log full URLs at INFO, and a URL may hold a key; uvicorn tells of each start and stop."""
_SILENT: Final = "python_multipart"
"""Quotes what it cannot read."""
_SERVER: Final = "uvicorn"
"""Logs addresses and process numbers as arguments, never what a request holds."""
_FRAMES: Final = 12


def configure(level: str = "info") -> None:
    """Sends every log line of this process to standard error as JSON. Call it once, at start.

    Raises:
        ValueError: ``level``, in capitals or not, is none of ``LEVELS``.
    """
    if level.lower() not in LEVELS:
        raise ValueError(f"the log level {level!r} is unknown; choose one of {', '.join(LEVELS)}")
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            _bare_exception,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.root.handlers = [_ToLines()]
    logging.root.setLevel(number)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    logging.getLogger(_SILENT).setLevel(logging.CRITICAL)
    access = logging.getLogger(f"{_SERVER}.access")
    access.handlers, access.propagate = [logging.NullHandler()], False


def every_level() -> Any:  # noqa: ANN401 - structlog's lazy proxy has no public type
    """A logger whose lines are written whatever the level that ``configure`` was given."""
    everything = structlog.make_filtering_bound_logger(logging.NOTSET)
    return structlog.wrap_logger(None, wrapper_class=everything)


class _ToLines(logging.Handler):
    """Hands what was logged with the standard library over to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        server = record.name.partition(".")[0] == _SERVER
        text = record.getMessage() if server else record.msg
        event = text.partition("\n")[0] if isinstance(text, str) else type(text).__name__
        structlog.get_logger().log(
            record.levelno, event, logger=record.name, exc_info=record.exc_info or None
        )


def _bare_exception(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = [type(one).__qualname__ for one in _chain(error)]
        event["at"] = _places(error.__traceback__)
    return event


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, the members of a group, then what it came from; ``from None`` ends it."""
    known: set[int] = set()
    while error is not None and id(error) not in known:
        known.add(id(error))
        yield error
        for member in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
            yield from _chain(member)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _places(traceback: TracebackType | None) -> list[str]:
    frames = [
        f"{'/'.join(PurePath(frame.f_code.co_filename).parts[-3:])}:{line} {frame.f_code.co_name}"
        for frame, line in walk_tb(traceback)
    ]
    return frames[-_FRAMES:]
