"""`etalage catalog`: writes, removes and lists the products of a shop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from schemas.catalog import Item
from schemas.codec import encode
from schemas.errors import EtalageError
from schemas.topics import CATALOG
from streams.cli.options import AsJson, Data, require_kafka
from streams.cli.output import format_count, progress_bar, uncut_column
from streams.kafka.endpoint.cluster import Kafka
from streams.kafka.producer import open_producer
from streams.runtime.telemetry.terminal import TerminalConsole, say
from streams.shop.document_parsing import parse_items, read_file
from streams.shop.publishing import push_items, remove_items
from streams.shop.topic_reads import read_items

app = typer.Typer(help="The catalogue: what the shop sells.", no_args_is_help=True)

UNKNOWN_LISTED_MAX = 10


@app.command()
def push(
    file: Annotated[Path, typer.Argument(help="JSON list, or one JSON object a line.")],
    replace: Annotated[bool, typer.Option(help="Also remove products that the file does not name.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Check every product of FILE, then write them all; one that is wrong stops the push before it begins."""
    items = parse_items(read_file(file), file.name)
    settings, kafka = require_kafka(data)
    removed = asyncio.run(_push(kafka, settings.namespace, items, replace=replace, quiet=as_json))
    if as_json:
        typer.echo(encode({"pushed": len(items), "removed": removed}))
    else:
        also = f", {removed:,} removed" if replace else ""
        say(f"{format_count(len(items), 'product')} written{also}")


@app.command()
def remove(
    ids: Annotated[list[str], typer.Argument(help="Ids of products.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Take products out of the catalogue; ids that are not in it are named, and the exit code is then 2."""
    settings, kafka = require_kafka(data)
    known, unknown = asyncio.run(_remove(kafka, settings.namespace, ids))
    if as_json:
        typer.echo(encode({"removed": len(known), "unknown": unknown}))
    else:
        say(f"{format_count(len(known), 'product')} removed")
    if unknown:
        raise EtalageError(f"not in the catalogue: {', '.join(map(repr, unknown[:UNKNOWN_LISTED_MAX]))}")


@app.command("list")
def list_items(
    limit: Annotated[int, typer.Option(min=1, help="How many to show; --json shows all.")] = 50,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show the catalogue as it stands in Kafka."""
    settings, kafka = require_kafka(data)
    items = list(asyncio.run(read_items(kafka, settings.namespace)).values())
    if as_json:
        typer.echo(encode(items))
        return
    TerminalConsole().print(_build_table(items[:limit]))
    more = f", the first {limit} shown" if len(items) > limit else ""
    say(f"{format_count(len(items), 'product')}{more}")


async def _push(kafka: Kafka, namespace: str, items: Sequence[Item], *, replace: bool, quiet: bool) -> int:
    """Write the items and, with `replace`, remove all others; returns how many were removed."""
    written = {item.item_id for item in items}
    others = [key for key in await read_items(kafka, namespace) if key not in written] if replace else []
    async with open_producer(kafka, CATALOG.full_name(namespace)) as producer:
        with progress_bar("products", len(items), hidden=quiet) as progress:
            await push_items(producer, namespace, items, progress=progress)
        await remove_items(producer, namespace, others)
    return len(others)


async def _remove(kafka: Kafka, namespace: str, ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Remove items; returns the ids that were in the catalogue, and those that were not."""
    items = await read_items(kafka, namespace)
    known = [key for key in dict.fromkeys(ids) if key in items]
    async with open_producer(kafka) as producer:
        await remove_items(producer, namespace, known)
    return known, [key for key in dict.fromkeys(ids) if key not in items]


def _build_table(items: Sequence[Item]) -> Table:
    table = Table(uncut_column("id"), "title", "category", "brand", "price", "stock")
    for item in items:
        category = " / ".join(item.categories)
        table.add_row(
            item.item_id,
            item.title,
            category,
            item.brand or "",
            f"{item.price:.2f} {item.currency}",
            str(item.stock),
        )
    return table
