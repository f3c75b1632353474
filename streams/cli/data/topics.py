"""`etalage topics`: creates and lists the topics of a namespace."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.table import Table

from schemas.codec import encode
from streams.cli.options import AsJson, Data, find_settings
from streams.cli.output import uncut_column
from streams.kafka.admin import TopicState, list_topics, plan
from streams.runtime.telemetry.terminal import TerminalConsole, say
from streams.stores.provisioning import create_topics

app = typer.Typer(help="The Kafka topics of this namespace.", no_args_is_help=True)


@app.command()
def create(
    partitions: Annotated[
        int | None, typer.Option(min=1, help="Of each visitor-keyed topic; default ETALAGE_PARTITIONS.")
    ] = None,
    adopt: Annotated[
        bool,
        typer.Option(help="Go on with an events topic that was made anew."),
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make every missing topic and tell Redis what the namespace is made of; safe to repeat."""
    settings = find_settings(data)
    if partitions is not None:
        settings = msgspec.structs.replace(settings, partitions=partitions)
    states, meta = create_topics(settings, adopt=adopt)
    if as_json:
        typer.echo(encode({"topics": states, "meta": meta}))
        return
    _print(states)
    made = sum(state.created for state in states)
    say(f"{made} made, {len(states) - made} stood; {meta.partitions} partitions a visitor topic")


@app.command("list")
def list_command(data: Data = None, as_json: AsJson = False) -> None:
    """Show the topics that stand on the cluster, and name those that are missing."""
    settings = find_settings(data)
    states = list_topics(settings)
    if as_json:
        typer.echo(encode(states))
        return
    _print(states)
    missing = sorted({topic.name for topic in plan(settings)} - {state.name for state in states})
    if missing:
        say(f"missing: {', '.join(missing)} (`etalage topics create` makes them)")


def _print(states: list[TopicState]) -> None:
    table = Table(uncut_column("topic"), "partitions", "id", "made now")
    for state in sorted(states, key=lambda state: state.name):
        table.add_row(state.name, str(state.partitions), state.topic_id, "yes" if state.created else "")
    TerminalConsole().print(table)
