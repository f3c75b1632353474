"""`etalage storefront`: writes and prints the pages, modules and rules of a shop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from models.storefront.defaults import DEFAULT_STOREFRONT
from schemas.codec import encode
from schemas.errors import InvalidDocument
from schemas.storefront import Storefront, storefront_of
from streams.cli.options import AsJson, Data, require_kafka
from streams.kafka.endpoint.cluster import Kafka
from streams.kafka.producer import open_producer
from streams.runtime.telemetry.terminal import say
from streams.shop.document_parsing import parse_storefront, read_file
from streams.shop.publishing import SectionChanges, push_storefront
from streams.shop.topic_reads import read_sections, read_storefront

app = typer.Typer(help="The storefront: pages, slots, modules and rules.", no_args_is_help=True)


@app.command()
def push(
    file: Annotated[Path, typer.Argument(help="A storefront document (JSON); see `storefront default`.")],
    replace: Annotated[
        bool, typer.Option(help="Also when that removes every page, or all that stands.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Check FILE, then make the shop's storefront equal to it; missing sections are removed.

    A rule in it: {"id": "no-bags", "action": "exclude", "match": {"categories": ["bags"]}}
    """
    storefront = parse_storefront(read_file(file), file.name)
    settings, kafka = require_kafka(data)
    try:
        changes = asyncio.run(_push(kafka, settings.namespace, storefront, replace=replace))
    except InvalidDocument as exc:
        raise InvalidDocument(f"{file.name}: {exc}; --replace allows it", field=exc.field) from exc
    if as_json:
        typer.echo(encode(changes))
        return
    for sign, keys in (("+", changes.written), ("-", changes.removed)):
        for key in keys:
            say(f"{sign} {key}")
    say(f"{len(changes.written)} written, {len(changes.removed)} removed, {changes.unchanged} unchanged")


@app.command()
def show(data: Data = None) -> None:
    """Print the storefront that stands in Kafka, as a document that can be pushed."""
    settings, kafka = require_kafka(data)
    sections = asyncio.run(read_sections(kafka, settings.namespace))
    say(_format_document(storefront_of(sections.values())))


@app.command()
def default() -> None:
    """Print the storefront that a shop has before it defines its own."""
    say(_format_document(DEFAULT_STOREFRONT))


async def _push(kafka: Kafka, namespace: str, storefront: Storefront, *, replace: bool) -> SectionChanges:
    async with open_producer(kafka) as producer:
        return await push_storefront(
            producer, namespace, lambda: read_storefront(kafka, namespace), storefront, may_clear=replace
        )


def _format_document(storefront: Storefront) -> str:
    return msgspec.json.format(encode(storefront), indent=2).decode()
