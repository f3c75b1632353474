"""Logs: one JSON line each (pretty on a terminal) of what an operator must know; nothing per event.

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
"""Field names whose values could identify a visitor."""

Fields = MutableMapping[str, Any]
REPEAT_S = 5.0
REPEATS_MAX = 1000
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

# Before `configure`, lines go to the handlers of `logging`, as those of libraries: structlog's own default is
# stdout, where commands print their results.
structlog.configure(logger_factory=structlog.stdlib.LoggerFactory())


def configure(
    *, level: str = "info", style: Literal["json", "pretty", "auto"] = "auto", out: TextIO | None = None
) -> None:
    """Send our log lines and those of libraries to `out`; replaces what was configured before.

    Args:
        level: the lowest level of ours that is written (a key of LEVELS); libraries speak from warning on.
        style: `json`, one object a line; `pretty`, for people; `auto`, pretty when `out` is a terminal.
        out: a text stream; stderr as it is at the call by default.
    """
    out = out or sys.stderr
    pretty = style == "pretty" or (style == "auto" and out.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.EventRenamer("message"),
        blank_personal,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.addFilter(RepeatFilter())
    handler.setFormatter(_formatter(shared, pretty=pretty))
    logging.basicConfig(handlers=[handler], level=LEVELS[level], force=True)
    for chatty in ("aiokafka", "faust", "mode", "kafka", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)


class RepeatFilter(logging.Filter):
    """Of a warning that a library repeats, lets one line pass in REPEAT_S seconds; ours always pass."""

    def __init__(self) -> None:
        super().__init__()
        self._logged_at: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or not isinstance(record.msg, str):
            return True
        line = (record.name, record.msg)
        if record.created - self._logged_at.get(line, float("-inf")) < REPEAT_S:
            return False
        if len(self._logged_at) >= REPEATS_MAX:
            self._logged_at.clear()
        self._logged_at[line] = record.created
        return True


class LogOnce:
    """Whether a lasting failure was logged: it gets one line when it begins and one when it ends."""

    def __init__(self) -> None:
        self._on = False

    def begins(self) -> bool:
        """Note that it fails; True the first time, when that is to be logged."""
        news, self._on = not self._on, True
        return news

    def ends(self) -> bool:
        """Note that it works; True the first time after a failure, when that is to be logged."""
        news, self._on = self._on, False
        return news


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A structured logger, as `logger("retries").warning("event text", service="redis")`."""
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return bound


def blank_personal(_logger: object, _method: str, fields: Fields) -> Fields:
    """Blank every field that could hold a visitor's id."""
    for name in PERSONAL.intersection(fields):
        fields[name] = "[withheld]"
    return fields


def _formatter(shared: list[structlog.typing.Processor], *, pretty: bool) -> logging.Formatter:
    # Rich tracebacks print every local: a whole shop of items would hold the loop for seconds.
    plain = structlog.dev.plain_traceback
    render: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(event_key="message", exception_formatter=plain)]
        if pretty
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumps)]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )


def _dumps(fields: Fields, **_options: object) -> str:
    return orjson.dumps(fields, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
