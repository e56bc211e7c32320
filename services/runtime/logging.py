"""One JSON line per noteworthy thing, redacted, on standard error. Library loggers that may print mail are capped."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars

from services.runtime import redaction

CAPPED = (
    "aioimaplib", "aiosmtplib", "aiosmtpd", "mail.log", "pymap", "pymongo", "motor", "nats", "faststream", "uvicorn",
    "httpx", "httpcore", "asyncio", "exchangelib", "msal", "urllib3", "requests", "opentelemetry", "concurrent", "h11",
    "exchangelib.util.xml", "aioimaplib.aioimaplib", "hpack", "charset_normalizer", "multipart", "python_multipart",
)  # fmt: skip
"""At WARNING or above whatever the level: at DEBUG these print raw mail, credentials or documents."""

_PLAIN = frozenset({"event", "level", "timestamp", "logger", "where"})


def get_logger(name: str, **bound: Any) -> structlog.stdlib.BoundLogger:
    log: structlog.stdlib.BoundLogger = structlog.get_logger(name, **bound)
    return log


def configure(level: str = "INFO", **bound: str) -> None:
    """Once, at start. `bound` (the service, the instance) is in every line."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            use_get_message=False,  # of a library's line its words, without the values it would fill in
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    logging.getLogger("faststream").addFilter(_said_elsewhere)
    for name in CAPPED:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(max(number, logging.WARNING))
    bind_contextvars(**bound)


def _said_elsewhere(record: logging.LogRecord) -> bool:
    """FastStream calls a handler cancelled at the end an error, and tells what `bus` tells of the connection."""
    raised = record.exc_info[1] if record.exc_info else None
    return not isinstance(raised, asyncio.CancelledError) and not record.getMessage().startswith("Connection broken")


def redact(_: Any, __: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """The last word on every line, our own and the libraries'."""
    raised = line.pop("exc_info", None)
    line.pop("stack_info", None)
    if raised is True:
        raised = sys.exc_info()
    exception = raised[1] if isinstance(raised, tuple) else raised
    redacted = {name: redaction.value("" if name in _PLAIN else name, item) for name, item in line.items()}
    if isinstance(exception, BaseException):
        redacted["error"] = redaction.error(exception)
        redacted["where"] = redaction.frames(exception)
    return redacted


@contextmanager
def bind(**ids: Any) -> Iterator[None]:
    """These ids are in every line written inside, also by tasks started there."""
    with bound_contextvars(**{name: item for name, item in ids.items() if item is not None}):
        yield
