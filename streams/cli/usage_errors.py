"""What is wrong with the words of a command, in one line: typer's own telling takes a box of six."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import typer

from streams.runtime.settings import number_text

UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""Typer shows only some of its errors by name; this is what all wrong words have in common."""


def usage_message(exc: Any) -> str:
    """`--port: a whole number from 0 to 65535, not 'abc'`, or what typer says, shortened."""
    param = getattr(exc, "param", None)
    if type(exc).__name__ == "MissingParameter":
        return f"{_named(param)} is missing{_more(exc)}"
    if param is not None:
        return f"{_named(param)}: {_wanted(param) or _plain(exc.message)}{_given(exc)}"
    told = _plain(exc.format_message())
    return told if told.endswith("?") else f"{told}{_more(exc)}"


def _named(param: Any) -> str:
    """An option as it is typed, an argument in capitals."""
    return param.opts[0] if param.opts[0].startswith("-") else str(param.metavar or param.opts[0].upper())


def _wanted(param: Any) -> str | None:
    told = getattr(param, "type_descriptor", None)
    kind = getattr(told, "annotation", None)
    if choices := getattr(told, "choices", None):
        return f"one of {', '.join(str(getattr(choice, 'value', choice)) for choice in choices)}"
    if kind in (int, float):
        return number_text(kind, getattr(param, "min", None), getattr(param, "max", None))
    return "a date or time as 2026-11-24 or 2026-11-24T15:00" if kind is datetime else None


def _given(exc: Any) -> str:
    """The words that were typed, where the cause still knows them."""
    causes: list[Any] = getattr(exc.__cause__, "errors", list)()
    typed = causes[0].get("input") if causes else None
    return f", not {typed!r}" if isinstance(typed, str) else ""


def _plain(message: str) -> str:
    text = message.removeprefix("Value error, ").rstrip(".").replace(". Did you mean", "; did you mean")
    return text[:1].lower() + text[1:]


def _more(exc: Any) -> str:
    return f"; `{exc.ctx.command_path} --help` says more" if exc.ctx else ""
