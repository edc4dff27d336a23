"""Logs: one JSON object a line on standard error, or text for people; the libraries' lines look like our own.

Code logs with the standard library (`logging.getLogger(__name__)`), and gives facts as `extra={"name": value}`. A
traceback is written without the values of variables, which may be personal data.
"""

import json
import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.processors import ExceptionRenderer
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer

_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)
_TEXT = "%(asctime)s %(levelname)s %(message)s"


def configure(format_: str, level: str, stream: TextIO | None = None) -> None:
    """Let every log line of this process from a level (info, warning, error) up go to a stream, in a format."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(json_formatter() if format_ == "json" else _TextFormatter(_TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging._srcfile = None  # what no line tells is not looked up (logging's own advice)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def json_formatter() -> logging.Formatter:
    """Return what makes a record a JSON object: time (UTC), level, logger, event, its facts, the request's id."""
    return ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.ExtraAdder(),
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(lambda event, **_: _ENCODER.encode(event)),
        ],
    )


def bind(request_id: str) -> None:
    """Let the lines of this thread carry a request's id from now on, in place of an earlier one's."""
    structlog.contextvars.bind_contextvars(request_id=request_id)


class _TextFormatter(logging.Formatter):
    """Lines for people: the message, then its facts."""

    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, Any] = structlog.contextvars.get_contextvars() | _facts(record)
        first, *rest = super().format(record).split("\n")
        return "\n".join([" ".join([first, *(f"{name}={value}" for name, value in facts.items())]), *rest])


_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _USUAL}
