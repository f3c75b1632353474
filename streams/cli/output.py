"""How commands show what they do: a bar, and numbers with their noun."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

SHOWN_MAX = 10


def count_text(count: int, what: str) -> str:
    """`1 product`, `2 products`, `2,000 products`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def tell(lines: Sequence[str]) -> None:
    """The first lines of many on stderr, and how many more there are."""
    for line in lines[:SHOWN_MAX]:
        typer.echo(line, err=True)
    if len(lines) > SHOWN_MAX:
        typer.echo(f"… and {len(lines) - SHOWN_MAX:,} more", err=True)


def whole(title: str) -> Column:
    """A column that is never cut: what stands in it is copied into the next command."""
    return Column(title, no_wrap=True)


@contextmanager
def bar(title: str, total: int, *, hidden: bool = False) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr; call what it yields with how many more are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=hidden or not console.is_terminal) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.advance(task, done)
