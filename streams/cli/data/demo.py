"""`etalage demo`: writes files for the demo shop."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from schemas.codec import encode
from schemas.errors import InvalidDocument
from streams.cli.output import format_count
from streams.demo.catalogue import demo_items
from streams.runtime.telemetry.terminal import say
from streams.shop.document_parsing import write_file

app = typer.Typer(help="Files for the demo shop.", no_args_is_help=True)


@app.callback()
def demo() -> None:
    """A group even with one command, so that its name stays when more join."""


@app.command()
def catalogue(
    out: Annotated[Path, typer.Argument(help="NDJSON file to write, one product a line.")],
    count: Annotated[int, typer.Option(min=1, max=100_000, help="How many products.")] = 2000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal products.")] = 7,
    at: Annotated[
        datetime | None, typer.Option(help="No product is newer than this (UTC); default now.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write the made-up catalogue, ready for `etalage catalog push`."""
    if out.is_file() and not force:  # a device or a pipe holds nothing that could be overwritten
        raise InvalidDocument(f"{out} is there already: name another file, or write over it with --force")
    newest = datetime.now(UTC) if at is None else at.replace(tzinfo=UTC)
    items = demo_items(count, seed, newest)
    write_file(out, b"".join(encode(item) + b"\n" for item in items))
    say(f"{format_count(len(items), 'product')} written to {out}")
