"""How commands show what they do: a bar, and numbers with their noun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def counted(count: int, what: str) -> str:
    """`1 product`, `2 products`, `2,000 products`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


@contextmanager
def bar(title: str, total: int, *, hidden: bool = False) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr; call what it yields with how many more are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=hidden) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.advance(task, done)
