"""What several commands print: counts, long lists, table columns and progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from streams.runtime.telemetry.terminal import TerminalConsole, say

LINES_MAX = 10


def format_count(count: int, what: str) -> str:
    """Return `1 product`, `2 products` or `2,000 products`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def print_first_lines(lines: Sequence[str]) -> None:
    """Print the first LINES_MAX lines on stderr, and how many more there are."""
    for line in lines[:LINES_MAX]:
        say(line, err=True)
    if len(lines) > LINES_MAX:
        say(f"… and {len(lines) - LINES_MAX:,} more", err=True)


def uncut_column(title: str) -> Column:
    """Return a column whose cells are never cut, since people copy them into the next command."""
    return Column(title, no_wrap=True)


@contextmanager
def progress_bar(title: str, total: int, *, hidden: bool = False) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr; yields a function that takes how many more are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = TerminalConsole(stderr=True)
    with Progress(*columns, console=console, disable=hidden or not console.is_terminal) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.advance(task, done)
