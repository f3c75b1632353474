"""`etalage visitor`: prints the stored state of a visitor, with the catalogue's names."""

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
from schemas.errors import EtalageError, ServiceMissing
from schemas.ids import VisitorId
from streams.cli.options import AsJson, Data, find_settings
from streams.gateway.http.parameters import VISITOR_PATTERN
from streams.kafka.partitioner import partition_of
from streams.runtime.settings import NO_REDIS, Settings
from streams.runtime.telemetry.logs import configure
from streams.runtime.telemetry.metrics import Metrics
from streams.runtime.telemetry.terminal import TerminalConsole
from streams.shop.follower import ShopFollower
from streams.stores.keys import Keys
from streams.stores.namespace_meta import read_meta
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.endpoint.address import redis_address
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
    if not re.fullmatch(VISITOR_PATTERN, visitor):
        raise EtalageError(f"a visitor is `u:` or `a:` and 1-126 printable ASCII characters, not {visitor!r}")
    configure(level="error")  # the follower's log lines would disturb the output
    profile = asyncio.run(_read_profile(find_settings(data), VisitorId(visitor)))
    if as_json:
        typer.echo(encode(profile))
    else:
        _print(profile)


async def _read_profile(settings: Settings, visitor: VisitorId) -> VisitorProfile:
    """Read the visitor's state from Redis; raises EtalageError when there is none."""
    if not settings.redis:
        raise ServiceMissing(NO_REDIS)
    keys = Keys(settings.namespace)
    async with ReconnectingConnection(redis_address(settings)) as connection:
        meta = await read_meta(connection, keys)
        if meta is None:
            raise ServiceMissing(f"namespace {settings.namespace} is not set up: run `etalage topics create`")
        partition = partition_of(visitor.encode(), meta.partitions)
        packed = await RedisLayouts(connection, keys).state(partition, visitor)
    if packed is None:
        raise EtalageError(f"nothing is known of {visitor}")
    return build_profile(visitor, partition, unpack(packed), await _load_shop(settings))


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
