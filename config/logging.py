"""One log for everything, without secrets: ours by structlog, the libraries' by the standard library."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO

import structlog
from structlog.processors import TimeStamper
from structlog.typing import EventDict, Processor, WrappedLogger

QUIET = {
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "discord": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "nicegui": logging.WARNING,
    "slack_bolt": logging.WARNING,
    "slack_sdk": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "uvicorn": logging.WARNING,
    "uvicorn.access": logging.WARNING,
    "watchfiles": logging.WARNING,
}
"""Libraries whose ordinary talk is not the reader's business; `debug` hears it all."""

HIDDEN = "***"

_SLACK = re.compile(r"\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{6,}")
_DISCORD = re.compile(r"\b[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}")
_AUTHORIZATION = re.compile(r"\b(Bot|Bearer)\s+[A-Za-z0-9._~+/=-]{20,}")
_URL_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):[^\s/@]+@")


class Redactor:
    """Keeps secrets out of the log: known ones, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first: one secret may be the beginning of another.
        self._secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` without them."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = _SLACK.sub(HIDDEN, text)
        text = _DISCORD.sub(HIDDEN, text)
        text = _AUTHORIZATION.sub(rf"\1 {HIDDEN}", text)
        return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)


def configure_logging(
    level: str = "info",
    form: str = "auto",
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send every log line of this process to `stream` (stderr), without secrets.

    `form` is human, json, or auto: human where the stream is a terminal.
    """
    stream = stream or sys.stderr
    human = form == "human" or (form == "auto" and stream.isatty())
    shared = _shared_processors(human=human)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(human=human, colours=stream.isatty()),
                _redacting(Redactor(secrets)),
            ],
        )
    )
    _route_everything_to(handler, level)


def _shared_processors(*, human: bool) -> list[Processor]:
    clock = TimeStamper("%H:%M:%S", utc=False) if human else TimeStamper("iso", utc=True)
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        clock,
        structlog.processors.StackInfoRenderer(),
    ]


def _renderers(*, human: bool, colours: bool) -> list[Processor]:
    if human:
        return [
            structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
        ]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _redacting(redact: Redactor) -> Processor:
    # After rendering, so that tracebacks and nested values are covered too. What stands there is a string
    # by now, which the type of a processor does not say.
    def processor(logger: WrappedLogger, name: str, rendered: EventDict | str) -> Any:
        del logger, name
        return redact(str(rendered))

    return processor


def _route_everything_to(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    for other in list(root.handlers):
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name, least in QUIET.items():
        library = logging.getLogger(name)
        # uvicorn and discord.py bring handlers of their own, which would print a second, unredacted line.
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.DEBUG if level == "debug" else max(least, root.level))
