"""`etalage events`: send recorded events."""

from __future__ import annotations

import asyncio
import difflib
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from schemas.codec import encode
from schemas.errors import InvalidDocument, StreamUnavailable
from schemas.events import EVENT_NAMES
from schemas.topics import EVENTS
from streams.cli.data.event_sender import (
    GatewaySink,
    KafkaSink,
    Refused,
    Unknown,
    complete_lines,
    send_events,
    unknown_names,
)
from streams.cli.options import AsJson, Data, kafka_settings
from streams.cli.output import bar, count_text, tell
from streams.local.instances import http_address
from streams.runtime.settings import Settings
from streams.shop.current import read_items
from streams.shop.documents import EventLine, parse_event_lines, read_file
from streams.shop.publishing import producer_for

app = typer.Typer(help="Events: what shoppers did.", no_args_is_help=True)

NOT_ALL_KNOWN = 1
"""Exit code when everything was sent, and some of it means nothing to us."""


class Outcome(Struct):
    """What became of a file; `note` says why its items could not be completed."""

    sent: int
    refused: list[Refused]
    unknown: list[Unknown]
    note: str = ""


@app.callback()
def events() -> None:
    """A group even with one command, so that its name stays when more join."""


@app.command()
def send(
    file: Annotated[Path, typer.Argument(help="One JSON event a line.")],
    url: Annotated[
        str | None, typer.Option(help="A gateway, http://host:port; default is Kafka itself.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Events a second; default: all at once.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Send every event of FILE, its items[] completed from the catalogue.

    The exit code is 2 when lines were refused (each is named, the others are sent), 1 when all were sent but
    some bear a name that we do not know, which are kept and teach nothing.
    """
    lines = list(parse_event_lines(read_file(file)))
    if not lines:
        raise InvalidDocument(f"{file.name}: no events in it")
    outcome = asyncio.run(_send(lines, _where(url, data), rate=rate, quiet=as_json))
    if as_json:
        typer.echo(encode(outcome))
    else:
        _report(file.name, outcome)
    if outcome.refused:
        raise InvalidDocument(
            f"{len(outcome.refused):,} of {count_text(len(lines), 'line')} of {file.name} not accepted"
        )
    if outcome.unknown:
        raise typer.Exit(NOT_ALL_KNOWN)


def _where(url: str | None, data: Path | None) -> str | tuple[Settings, str]:
    """The gateway that is given, else Kafka."""
    return http_address(url) if url else kafka_settings(data)


async def _send(
    lines: list[EventLine], where: str | tuple[Settings, str], *, rate: float | None, quiet: bool
) -> Outcome:
    note = ""
    with bar("events", len(lines), hidden=quiet) as progress:
        if isinstance(where, str):  # the gateway completes items[] itself
            sent, refused = await send_events(GatewaySink(where), lines, rate=rate, progress=progress)
        else:
            settings, kafka = where
            async with producer_for(kafka, EVENTS.full_name(settings.namespace)) as producer:
                lines, note = await _completed(kafka, settings.namespace, lines)
                sink = KafkaSink(producer, settings.namespace)
                sent, refused = await send_events(sink, lines, rate=rate, progress=progress)
    return Outcome(sent, sorted(refused, key=lambda one: one.line), unknown_names(lines), note)


async def _completed(kafka: str, namespace: str, lines: list[EventLine]) -> tuple[list[EventLine], str]:
    """The lines with what the catalogue says of their items; as they are, and why, when it cannot be had."""
    try:
        items = await read_items(kafka, namespace)
    except StreamUnavailable as exc:
        return lines, f"the catalogue cannot be read ({exc}): items[] are sent as they stand in the file"
    if not items:
        return lines, "the catalogue is empty: items[] are sent as they stand in the file"
    return complete_lines(lines, items.get), ""


def _report(name: str, outcome: Outcome) -> None:
    tell([f"{name} line {one.line}: {one.why}" for one in outcome.refused])
    tell([f"{name} line {one.line}: {_unknown(one)}" for one in outcome.unknown])
    if outcome.note:
        typer.echo(f"note: {outcome.note}", err=True)
    typer.echo(f"{count_text(outcome.sent, 'event')} sent")


def _unknown(one: Unknown) -> str:
    near = difflib.get_close_matches(one.name, EVENT_NAMES, n=1)
    hint = f", did you mean {near[0]}?" if near else ""
    often = f"{one.count} events bear it" if one.count > 1 else "the event was sent"
    return f"no event is called {one.name!r}{hint} ({often}; nothing is learnt from that)"
