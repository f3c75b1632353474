"""Logs: one JSON line each (pretty on a terminal), for what operators must know; nothing per event.

A visitor's id never reaches a log line (invariant I8): fields that could hold one are blanked here.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import orjson
import structlog

PERSONAL = frozenset(
    {
        "visitor", "visitor_id", "visitors", "user_id", "anonymous_id", "session_id", "ip", "email",
        "key", "value", "query", "query_string",
    }
)  # fmt: skip
"""Field names whose values could tell who somebody is."""

Fields = MutableMapping[str, Any]
REPEAT_S = 5.0
REPEATS_MAX = 1000
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(
    *, level: str = "info", style: Literal["json", "pretty", "auto"] = "auto", out: TextIO | None = None
) -> None:
    """Send our log lines and those of libraries to `out`, as JSON unless a person is looking."""
    out = out or sys.stderr
    pretty = style == "pretty" or (style == "auto" and out.isatty())
    before: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.EventRenamer("message"),
        blank_personal,
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.addFilter(OnceInAWhile())
    handler.setFormatter(_formatter(before, pretty=pretty))
    logging.basicConfig(handlers=[handler], level=LEVELS[level], force=True)
    for chatty in ("aiokafka", "faust", "mode", "kafka", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)


class OnceInAWhile(logging.Filter):
    """Of what a library warns of again and again, one line in REPEAT_S seconds; ours are never dropped."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or not isinstance(record.msg, str):
            return True
        of = (record.name, record.msg)
        if record.created - self._said.get(of, float("-inf")) < REPEAT_S:
            return False
        if len(self._said) >= REPEATS_MAX:
            self._said.clear()
        self._said[of] = record.created
        return True


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger; `name` is the part of the system that speaks."""
    made: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return made


def blank_personal(_logger: object, _method: str, fields: Fields) -> Fields:
    """Blank every field that could hold a visitor's id."""
    for name in PERSONAL.intersection(fields):
        fields[name] = "[withheld]"
    return fields


def _formatter(before: list[structlog.typing.Processor], *, pretty: bool) -> logging.Formatter:
    # Rich tracebacks print every local: a whole shop of items would hold the loop for seconds.
    plain = structlog.dev.plain_traceback
    render: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(event_key="message", exception_formatter=plain)]
        if pretty
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumps)]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )


def _dumps(fields: Fields, **_options: object) -> str:
    return orjson.dumps(fields, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
