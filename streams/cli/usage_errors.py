"""Formats typer's usage errors as one line; its own format is a box of six lines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import typer

from schemas.errors import number_text
from streams.runtime.settings import without_secret

UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""The base class of all usage errors, which typer does not export."""


def format_usage_error(exc: Any) -> str:
    """Return `--port: a whole number from 0 to 65535, not 'abc'`, or typer's own message, shortened."""
    param = getattr(exc, "param", None)
    if type(exc).__name__ == "MissingParameter":
        return f"{_parameter_name(param)} is missing{_help_hint(exc)}"
    if param is not None:
        expected = _expected_value(param) or _shorten(exc.message)
        return f"{_parameter_name(param)}: {expected}{_typed_value(exc)}"
    message = _shorten(exc.format_message())
    return message if message.endswith("?") else f"{message}{_help_hint(exc)}"


def _parameter_name(param: Any) -> str:
    """An option as it is typed, an argument in capitals."""
    return param.opts[0] if param.opts[0].startswith("-") else str(param.metavar or param.opts[0].upper())


def _expected_value(param: Any) -> str | None:
    """What the parameter takes; None when typer's message has to do."""
    descriptor = getattr(param, "type_descriptor", None)
    kind = getattr(descriptor, "annotation", None)
    if choices := getattr(descriptor, "choices", None):
        return f"one of {', '.join(str(getattr(choice, 'value', choice)) for choice in choices)}"
    if kind in (int, float):
        return number_text(kind, getattr(param, "min", None), getattr(param, "max", None))
    return "a date or time as 2026-11-24 or 2026-11-24T15:00" if kind is datetime else None


def _typed_value(exc: Any) -> str:
    """The value that was typed, if the cause of the error holds it."""
    causes: list[Any] = getattr(exc.__cause__, "errors", list)()
    typed = causes[0].get("input") if causes else None
    return f", not {without_secret(typed)!r}" if isinstance(typed, str) else ""


def _shorten(message: str) -> str:
    text = message.removeprefix("Value error, ").rstrip(".").replace(". Did you mean", "; did you mean")
    return text[:1].lower() + text[1:]


def _help_hint(exc: Any) -> str:
    return f"; `{exc.ctx.command_path} --help` says more" if exc.ctx else ""
