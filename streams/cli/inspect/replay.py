"""`etalage replay`: runs a recorded session through the system's own code, without any service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from models.catalog.build import build_items
from models.policy.inspection.replay import Step, records_of, replay
from models.policy.snapshot import build_snapshot
from models.ranking.onnx import BASELINE, load_ranker
from models.ranking.ranker import Ranker
from models.storefront.shop import build_shop
from schemas.catalog import Item
from schemas.codec import decode_event, encode
from schemas.errors import InvalidDocument
from schemas.events import Event
from streams.cli.data.event_sender import complete_lines
from streams.cli.inspect.replay_text import format_step
from streams.cli.options import AsJson
from streams.cli.output import format_count, print_first_lines
from streams.demo.catalogue import demo_items
from streams.shop.document_parsing import EventLine, parse_event_lines, parse_items, read_file

UNDERSTUDY = "none"


def run(
    file: Annotated[Path, typer.Argument(help="Recorded events, one JSON object a line.")],
    catalog: Annotated[
        Path | None, typer.Option(help="Items, as `etalage catalog push` takes them; default: the demo's.")
    ] = None,
    ranker: Annotated[
        str | None,
        typer.Option(help="An artifact folder; `none`: the understudy; default: the packaged one."),
    ] = None,
    top: Annotated[int, typer.Option(min=0, max=50, help="Candidates shown for each event.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Print event, state, best candidates with their features, and layout for each record of FILE.

    Lines that are no events are named and left out, and the exit code is then 2.
    """
    lines = list(parse_event_lines(read_file(file)))
    bad = [line for line in lines if line.event is None]
    if len(bad) == len(lines):
        first = f" (line {bad[0].line}: {bad[0].error})" if bad else ""
        raise InvalidDocument(f"{file.name}: no event in it that could be applied{first}")
    items = parse_items(read_file(catalog), catalog.name) if catalog else demo_items()
    print_first_lines([f"{file.name} line {line.line} would be a dead letter: {line.error}" for line in bad])
    events = complete_events(lines, items)
    shop = build_shop(build_items(items, {}, events[0].timestamp.timestamp()))
    for step in replay(build_snapshot(shop, _load_ranker(ranker)), records_of(events), top=top):
        typer.echo(encode(step_document(step)).decode() if as_json else format_step(step))
    if bad:
        raise InvalidDocument(
            f"{len(bad):,} of {format_count(len(lines), 'line')} of {file.name} are no events"
        )


def complete_events(lines: Sequence[EventLine], items: Sequence[Item]) -> list[Event]:
    """Return the events of the lines that have one, their items completed from the catalogue."""
    by_id = {item.item_id: item for item in items}
    return [decode_event(line.raw) for line in complete_lines(lines, by_id.get) if line.event is not None]


def step_document(step: Step) -> dict[str, Any]:
    """Return a step as `--json` prints it."""
    return {
        "offset": step.record.offset,
        "arrival": step.record.arrival,
        "visitor": step.visitor,
        "event": step.record.event,
        "state": msgspec.to_builtins(step.state, str_keys=True),
        "top": [{"id": item, "why": why} for item, why in step.top],
        "changed": step.decision.changed,
        "layout": step.decision.layout,
    }


def _load_ranker(name: str | None) -> Ranker | None:
    return None if name == UNDERSTUDY else load_ranker(name or BASELINE)
