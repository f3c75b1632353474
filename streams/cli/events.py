"""`etalage events`: send recorded events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from schemas.codec import encode
from schemas.errors import InvalidDocument
from streams.cli.progress import AsJson, bar, reachable_settings
from streams.documents import EventLine, events_in, read_file
from streams.event_sending import Refused, send_events, sink_for
from streams.settings import read_settings

app = typer.Typer(help="Events: what shoppers did.", no_args_is_help=True)

SHOWN_MAX = 20


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
    as_json: AsJson = False,
) -> None:
    """Send every event of FILE; lines that are wrong are named and left out, and the exit code is then 2."""
    lines = list(events_in(read_file(file)))
    if not lines:
        raise InvalidDocument(f"{file.name}: no events in it")
    sent, refused = asyncio.run(_send(lines, url=url, rate=rate, quiet=as_json))
    _report(file.name, sent, refused, as_json=as_json)
    if refused:
        raise InvalidDocument(f"{len(refused)} of {len(lines)} lines of {file.name} were not accepted")


async def _send(
    lines: Sequence[EventLine], *, url: str | None, rate: float | None, quiet: bool
) -> tuple[int, list[Refused]]:
    settings, kafka = (read_settings(), None) if url else reachable_settings()
    async with sink_for(url=url, kafka=kafka, namespace=settings.namespace) as sink:
        with bar("events", len(lines), hidden=quiet) as progress:
            return await send_events(sink, lines, rate=rate, progress=progress)


def _report(name: str, sent: int, refused: Sequence[Refused], *, as_json: bool) -> None:
    if as_json:
        typer.echo(encode({"sent": sent, "refused": refused}))
        return
    for line in refused[:SHOWN_MAX]:
        typer.echo(f"{name} line {line.line}: {line.why}", err=True)
    if len(refused) > SHOWN_MAX:
        typer.echo(f"… and {len(refused) - SHOWN_MAX} more", err=True)
    typer.echo(f"{sent} events sent")
