"""What commands share: the address they need, the bar they show, how they count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.errors import ServiceMissing
from streams.settings import Settings, read_settings

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for machines.")]


def reachable_settings() -> tuple[Settings, str]:
    """The settings, and Kafka's address, which must be given; ServiceMissing says how."""
    settings = read_settings()
    if not settings.kafka:
        raise ServiceMissing("no Kafka is known: set ETALAGE_KAFKA=host:port (or run `etalage up`)")
    return settings, settings.kafka


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
