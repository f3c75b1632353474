"""`etalage events`: sends recorded events to Kafka or to a gateway."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from schemas.adapters.all_adapters import ADAPTERS
from schemas.codec import encode
from schemas.errors import InvalidDocument, StreamUnavailable
from schemas.events import EVENT_NAMES, OtherEvent
from schemas.intake.notes import Note
from schemas.topics import EVENTS
from streams.cli.data.adapted_lines import adapt_lines
from streams.cli.data.event_sender import (
    GatewaySink,
    KafkaSink,
    RefusedLine,
    UnknownName,
    complete_lines,
    find_unknown_names,
    send_events,
)
from streams.cli.options import AsJson, Data, require_kafka
from streams.cli.output import format_count, print_first_lines, progress_bar
from streams.kafka.endpoint.cluster import Kafka, KafkaCluster
from streams.kafka.producer import open_producer
from streams.local.instances import http_address
from streams.runtime.settings import Settings
from streams.runtime.telemetry.terminal import say
from streams.shop.document_parsing import EventLine, parse_event_lines, read_file
from streams.shop.topic_reads import read_items

app = typer.Typer(help="Events: what shoppers did.", no_args_is_help=True)

OURS = "etalage"
FORMATS = (OURS, *ADAPTERS)

UNKNOWN_NAMES = 1
"""Exit code when every event was sent, and some have a name that changes no feature."""


NOTED_MAX = 1_000


class MendedLine(Struct, frozen=True):
    """A line that was sent with a field cut, converted or left out."""

    line: int
    notes: Sequence[Note]


class SendReport(Struct):
    """The result for one file, as `--json` prints it; `note` says why its items were not completed.

    `mended` are lines with what did not fit in them, NOTED_MAX at most.
    `ignored` are events of another format that are none of ours.
    """

    sent: int
    refused: list[RefusedLine]
    unknown: list[UnknownName]
    note: str = ""
    mended: list[MendedLine] = []
    ignored: list[RefusedLine] = []


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
    format_: Annotated[
        str, typer.Option("--format", help=f"Whose events they are: {', '.join(FORMATS)}.")
    ] = OURS,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Send every event of FILE, its items[] completed from the catalogue.

    The exit code is 2 when lines were refused (each is named, the others are sent), 1 when all were sent but
    some bear a name that we do not know, which are kept and teach nothing.
    """
    lines, ignored = _read_lines(file, format_)
    if not lines and not ignored:
        raise InvalidDocument(f"{file.name}: no events in it")
    report = asyncio.run(_send(lines, _choose_target(url, data), rate=rate, quiet=as_json))
    report.ignored = ignored
    if as_json:
        typer.echo(encode(report))
    else:
        _print_report(file.name, report)
    if report.refused:
        raise InvalidDocument(
            f"{len(report.refused):,} of {format_count(len(lines), 'line')} of {file.name} not accepted"
        )
    if report.unknown:
        raise typer.Exit(UNKNOWN_NAMES)


def _read_lines(file: Path, format_: str) -> tuple[list[EventLine], list[RefusedLine]]:
    """The events of a file, and the lines that are none of ours with the reason."""
    if format_ not in FORMATS:
        raise typer.BadParameter(f"one of {', '.join(FORMATS)}, not {format_!r}", param_hint="--format")
    raw = read_file(file)
    if format_ == OURS:
        return list(parse_event_lines(raw)), []
    adapted = list(adapt_lines(raw, ADAPTERS[format_], datetime.now(UTC)))
    ignored = [RefusedLine(one[0], one[1].reason) for one in adapted if isinstance(one, tuple)]
    return [one for one in adapted if isinstance(one, EventLine)], ignored


def _choose_target(url: str | None, data: Path | None) -> str | tuple[Settings, KafkaCluster]:
    """Return the gateway's address when one is given, else the settings and Kafka's address."""
    return http_address(url) if url else require_kafka(data)


async def _send(
    lines: list[EventLine], target: str | tuple[Settings, KafkaCluster], *, rate: float | None, quiet: bool
) -> SendReport:
    note = ""
    with progress_bar("events", len(lines), hidden=quiet) as progress:
        if isinstance(target, str):  # the gateway completes items[] itself
            sink = GatewaySink(target, tell=lambda line: say(line, err=True))
            sent, refused = await send_events(sink, lines, rate=rate, progress=progress)
        else:
            settings, kafka = target
            async with open_producer(kafka, EVENTS.full_name(settings.namespace)) as producer:
                lines, note = await _complete_from_catalog(kafka, settings.namespace, lines)
                log = KafkaSink(producer, settings.namespace)
                sent, refused = await send_events(log, lines, rate=rate, progress=progress)
    refused.sort(key=lambda one: one.line)
    return SendReport(sent, refused, find_unknown_names(lines), note, find_mended(lines))


def find_mended(lines: Iterable[EventLine]) -> list[MendedLine]:
    """The lines with notes, but for those whose name alone is unknown: they are told by name."""
    noted = (MendedLine(one.line, one.notes) for one in lines if one.notes and not _is_unknown(one))
    return list(islice(noted, NOTED_MAX))


def _is_unknown(line: EventLine) -> bool:
    return isinstance(line.event, OtherEvent) and line.event.event not in EVENT_NAMES


async def _complete_from_catalog(
    kafka: Kafka, namespace: str, lines: list[EventLine]
) -> tuple[list[EventLine], str]:
    """Complete the lines' items from the catalogue; returns them unchanged with a reason without one."""
    try:
        items = await read_items(kafka, namespace)
    except StreamUnavailable as exc:
        return lines, f"the catalogue cannot be read ({exc}): items[] are sent as they stand in the file"
    if not items:
        return lines, "the catalogue is empty: items[] are sent as they stand in the file"
    return complete_lines(lines, items.get), ""


def _print_report(name: str, report: SendReport) -> None:
    print_first_lines([f"{name} line {one.line}: {one.why}" for one in report.refused])
    print_first_lines([f"{name} line {one.line}: {_describe_notes(one)}" for one in report.mended])
    print_first_lines([f"{name} line {one.line}: ignored, {one.why}" for one in report.ignored])
    print_first_lines([f"{name} line {one.line}: {_describe_unknown(one)}" for one in report.unknown])
    if report.note:
        say(f"note: {report.note}", err=True)
    say(f"{format_count(report.sent, 'event')} sent")


def _describe_notes(mended: MendedLine) -> str:
    return "; ".join(f"{note.field} {note.done} ({note.why})" for note in mended.notes)


def _describe_unknown(one: UnknownName) -> str:
    near = difflib.get_close_matches(one.name, EVENT_NAMES, n=1)
    hint = f", did you mean {near[0]}?" if near else ""
    often = f"{one.count} events bear it" if one.count > 1 else "the event was sent"
    return f"no event is called {one.name!r}{hint} ({often}; nothing is learnt from that)"
