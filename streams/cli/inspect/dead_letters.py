"""`etalage dead-letters`: lists and prints the records that could not be applied."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from schemas.codec import encode
from schemas.dead_letters import DeadLetter, DeadLetterReason
from schemas.errors import EtalageError
from schemas.topics import DEAD_LETTERS
from streams.cli.options import AsJson, Data, require_kafka
from streams.cli.output import format_count, uncut_column
from streams.kafka.compacted_reader import read_to_end
from streams.runtime.telemetry.terminal import TerminalConsole, say

app = typer.Typer(help="Records that could not be applied, kept whole.", no_args_is_help=True)

_decode = msgspec.json.Decoder(DeadLetter).decode


@app.command("list")
def list_letters(
    reason: Annotated[
        DeadLetterReason | None, typer.Option(help="Only this reason.", show_choices=True)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest to show.")] = 50,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List the newest dead letters, oldest of them first."""
    letters = [letter for letter in _read_letters(data) if reason in (None, letter.reason)]
    shown = sorted(letters, key=lambda letter: letter.timestamp_ms)[-limit:]
    if as_json:
        typer.echo(encode(shown))
        return
    table = Table(uncut_column("record"), "arrived", "reason", "detail")
    for letter in shown:
        table.add_row(letter.record_id, _format_arrival(letter), letter.reason, letter.detail[:80])
    if letters:
        TerminalConsole().print(table)
    hint = "; `etalage dead-letters show RECORD` prints one whole" if letters else ""
    say(f"{format_count(len(letters), 'dead letter')}{hint}")


@app.command()
def show(
    record: Annotated[str, typer.Argument(help="topic/partition/offset, as `list` prints it.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Print one dead letter whole, with the bytes it had."""
    letter = next((letter for letter in _read_letters(data) if letter.record_id == record), None)
    if letter is None:
        raise EtalageError(f"no dead letter {record}; `etalage dead-letters list` names them")
    if as_json:
        typer.echo(encode(letter))
        return
    say(f"record   {letter.record_id}")
    say(f"arrived  {_format_arrival(letter)}")
    say(f"reason   {letter.reason}: {letter.detail}")
    say(f"key      {_format_bytes(letter.key)}")
    for name, value in letter.headers:
        say(f"header   {name}: {_format_bytes(value)}")
    say(_format_bytes(letter.value))


def _read_letters(data: Path | None) -> list[DeadLetter]:
    """Return every dead letter once; a crash may have written one twice."""
    settings, kafka = require_kafka(data)
    records = asyncio.run(read_to_end(kafka, DEAD_LETTERS, settings.namespace))
    letters = (_decode(record.value) for record in records if record.value is not None)
    return list({letter.record_id: letter for letter in letters}.values())


def _format_arrival(letter: DeadLetter) -> str:
    return datetime.fromtimestamp(letter.timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _format_bytes(raw: bytes | None) -> str:
    return "(none)" if raw is None else raw.decode(errors="backslashreplace")
