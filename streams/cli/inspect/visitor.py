"""`etalage visitor`: prints the stored state of a visitor, with the catalogue's names, and repairs it."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from models.policy.inspection.visitor_profile import Affinity, KnownItem, VisitorProfile, build_profile
from models.storefront.shop import Shop
from models.visitor.packing import unpack
from schemas.codec import encode
from schemas.errors import EtalageError, KeyUnreadable, UnknownVersion
from schemas.ids import VisitorId
from streams.cli.inspect.visitor_repair import (
    describe_repair,
    list_quarantined,
    open_namespace,
    repair_visitors,
)
from streams.cli.options import AsJson, Data, find_settings, require_kafka
from streams.cli.output import format_count, uncut_column
from streams.gateway.http.parameters import VISITOR_PATTERN
from streams.kafka.partitioner import partition_of
from streams.runtime.settings import Settings
from streams.runtime.telemetry.logs import configure
from streams.runtime.telemetry.metrics import Metrics
from streams.runtime.telemetry.terminal import TerminalConsole, say
from streams.shop.follower import ShopFollower
from streams.stores.redis.layouts import RedisLayouts

app = typer.Typer(help="What is known of a visitor.", no_args_is_help=True)

SHOP_WITHIN_S = 5.0
"""How long to wait for the catalogue; without it the state's hashes have no names."""


@app.callback()
def about() -> None:
    """What is known of a visitor."""


@app.command()
def show(
    visitor: Annotated[str, typer.Argument(help="`u:<user id>` or `a:<anonymous id>`.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Print a visitor's state, with the catalogue's names in it."""
    checked = _check(visitor)
    configure(level="error")  # the follower's log lines would disturb the output
    profile = asyncio.run(_read_profile(find_settings(data), checked))
    if as_json:
        typer.echo(encode(profile))
    else:
        _print(profile)


@app.command()
def quarantine(data: Data = None, as_json: AsJson = False) -> None:
    """List the states that were set aside because no worker can have written them."""
    configure(level="error")
    entries = asyncio.run(list_quarantined(find_settings(data)))
    if as_json:
        typer.echo(encode(entries))
        return
    table = Table(uncut_column("visitor"), "partition", "found", "set aside", uncut_column("kept in"))
    for one in entries:
        at = datetime.fromtimestamp(one.at, UTC).isoformat()
        table.add_row(one.visitor, str(one.partition), one.found, at, one.key)
    if entries:
        TerminalConsole().print(table)
    hint = "; `etalage visitor repair --all` folds them again from the log" if entries else ""
    say(f"{format_count(len(entries), 'state')} set aside{hint}")


@app.command()
def repair(
    visitor: Annotated[str | None, typer.Argument(help="`u:<user id>` or `a:<anonymous id>`.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All whose state is set aside.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also a state that can be read.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Fold a visitor's state again from the log, while the workers go on.

    The log keeps seven days: what is older is not in the new state.
    """
    configure(level="error")
    if (visitor is None) is not everybody:
        raise EtalageError("name one visitor, or --all whose state is set aside")
    chosen = None if visitor is None else _check(visitor)
    settings, kafka = require_kafka(data)
    for one in asyncio.run(repair_visitors(settings, kafka, chosen, force=force)):
        if as_json:
            typer.echo(encode(one))
        else:
            say(describe_repair(one))


def _check(visitor: str) -> VisitorId:
    if not re.fullmatch(VISITOR_PATTERN, visitor):
        raise EtalageError(f"a visitor is `u:` or `a:` and 1-126 printable ASCII characters, not {visitor!r}")
    return VisitorId(visitor)


async def _read_profile(settings: Settings, visitor: VisitorId) -> VisitorProfile:
    """Read the visitor's state from Redis; raises EtalageError when there is none, or it cannot be read."""
    async with open_namespace(settings) as (connection, keys, meta):
        partition = partition_of(visitor.encode(), meta.partitions)
        try:
            packed = await RedisLayouts(connection, keys).state(partition, visitor)
            state = unpack(packed or b"")
        except (KeyUnreadable, UnknownVersion) as exc:
            raise EtalageError(f"{exc}; `etalage visitor repair {visitor}` folds it again") from exc
    if packed is None:
        raise EtalageError(f"nothing is known of {visitor}")
    return build_profile(visitor, partition, state, await _load_shop(settings))


async def _load_shop(settings: Settings) -> Shop:
    """Return the shop for its names; an incomplete one when Kafka does not answer within SHOP_WITHIN_S."""
    without_ranker = msgspec.structs.replace(settings, ranker="none")
    follower = ShopFollower(without_ranker, Metrics())
    await follower.start()
    try:
        await follower.wait_ready(SHOP_WITHIN_S if settings.kafka else 0.0)
        return follower.shop
    finally:
        await follower.stop()


def _print(profile: VisitorProfile) -> None:
    table = Table(show_header=False, title=profile.visitor_id)
    for name in profile.__struct_fields__[1:]:
        value = getattr(profile, name)
        if value not in (None, [], {}, 0, 0.0):
            table.add_row(name.replace("_", " "), _format_value(name, value))
    TerminalConsole().print(table)


def _format_value(name: str, value: Any) -> str:
    match value:
        case int() if name in ("at", "first_at"):
            return datetime.fromtimestamp(value, UTC).isoformat()
        case list():
            return ", ".join(_format_entry(each) for each in value)
        case dict():
            return ", ".join(f"{key} {each}" for key, each in value.items())
        case _:
            return str(value)


def _format_entry(value: Affinity | KnownItem) -> str:
    if isinstance(value, Affinity):
        return f"{value.name} {value.weight:.0%}"
    return value.title or value.id or "(left the catalogue)"
