"""`etalage keys`: creates, lists and revokes the API keys of a namespace."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar, cast, get_args

import typer
from msgspec import Struct
from rich.table import Table

from schemas.api_keys import ApiKey, Kind, Role, issue_key
from schemas.codec import encode
from schemas.errors import EtalageError, ServiceMissing, StoreUnavailable
from streams.cli.options import AsJson, Data, find_settings
from streams.cli.output import uncut_column
from streams.runtime.settings import NO_REDIS
from streams.runtime.telemetry.terminal import TerminalConsole, say
from streams.stores.api_keys import add_api_key, limit_api_key, read_api_keys, revoke_api_key
from streams.stores.keys import Keys
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.endpoint.address import RedisAddress, redis_address

app = typer.Typer(help="The API keys of this namespace.", no_args_is_help=True)

WITHIN_S = 5.0
NOTE_MAX = 100
HEEDED_AFTER = "gateways heed it within 3 seconds"

_ORIGIN = re.compile(r"https?://[^/\s,;]+|\*")
T = TypeVar("T")
Work = Callable[[ReconnectingConnection, Keys], Awaitable[T]]


class CreatedKey(Struct, frozen=True):
    """What `create --json` prints: the text of the key, once and never again."""

    id: str
    kind: Kind
    key: str


class ListedKey(Struct, frozen=True, kw_only=True):
    """A key as it may be shown; times in epoch seconds."""

    id: str
    kind: Kind
    roles: tuple[Role, ...]
    origins: tuple[str, ...]
    note: str
    rate: float
    created: int
    revoked: int | None


@app.command()
def create(
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(get_args(Kind))}.")],
    role: Annotated[
        list[str] | None, typer.Option(help="Of an admin key: read, merchandise; repeatable.")
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Of a publishable key: whose pages may use it, https://…; repeatable, * for all."),
    ] = None,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, once: a hash of it is kept. The first one closes the gateway to all others."""
    roles, origins = tuple(role or ()), tuple(one.rstrip("/") for one in origin or ())
    _check(kind, roles, origins, note)
    key, text = issue_key(
        cast("Kind", kind), now=time.time(), roles=cast("tuple[Role, ...]", roles), origins=origins, note=note
    )
    signer = _run(data, lambda connection, keys: _add(connection, keys, key))
    if as_json:
        typer.echo(encode(CreatedKey(key.id, key.kind, text)))
        return
    say(text)
    say(f"This is shown once; {HEEDED_AFTER}.", err=True)
    if signer is not None:
        say(f"Anonymous visitors get tokens signed with the new key {signer.id}.", err=True)


@app.command("list")
def list_command(data: Data = None, as_json: AsJson = False) -> None:
    """Show the keys, also those revoked in the last 30 days, without their secrets."""
    known = _run(data, read_api_keys) or []
    if as_json:
        shown = [
            ListedKey(
                id=one.id, kind=one.kind, roles=one.roles, origins=one.origins, note=one.note,
                rate=one.rate, created=one.created, revoked=one.revoked,
            )
            for one in known
        ]  # fmt: skip
        typer.echo(encode(shown))
        return
    table = Table(uncut_column("id"), "kind", "may", "rate", "created", "revoked", "note")
    for one in known:
        may = ", ".join((*one.roles, *one.origins))
        table.add_row(
            one.id,
            one.kind,
            may,
            f"{one.rate:g}" if one.rate else "",
            _time(one.created),
            _time(one.revoked),
            one.note,
        )
    TerminalConsole().print(table)


@app.command()
def limit(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `etalage keys list` shows it.")],
    rate: Annotated[
        float,
        typer.Option(min=0, help="Units a second that it may cost each gateway (stored page: 1); 0: any."),
    ],
    data: Data = None,
) -> None:
    """Set how much the callers of a key may ask for."""
    key = _run(data, lambda connection, keys: limit_api_key(connection, keys, key_id, rate))
    say(f"{key.kind} key {key.id} may cost {rate:g} units a second; {HEEDED_AFTER}")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `etalage keys list` shows it.")],
    data: Data = None,
) -> None:
    """Revoke a key for good; with a signing key go all visitor tokens that it signed."""
    key = _run(data, lambda connection, keys: revoke_api_key(connection, keys, key_id, time.time()))
    say(f"{key.kind} key {key.id} is revoked; {HEEDED_AFTER}")


async def _add(connection: ReconnectingConnection, keys: Keys, key: ApiKey) -> ApiKey | None:
    """Store the key, and with a publishable one the first that signs, which is returned."""
    signer = None
    if key.kind == "publishable":
        known = await read_api_keys(connection, keys) or ()
        if not any(one.active and one.kind == "signing" for one in known):
            signer, _ = issue_key("signing", now=key.created, note="tokens of anonymous visitors")
            await add_api_key(connection, keys, signer)
    await add_api_key(connection, keys, key)
    return signer


def _check(kind: str, roles: Sequence[str], origins: Sequence[str], note: str) -> None:
    """Raises EtalageError for options that do not fit each other."""
    if kind not in get_args(Kind):
        raise EtalageError(f"--kind: one of {', '.join(get_args(Kind))}, not {kind!r}")
    if bool(roles) != (kind == "admin") or not set(roles) <= set(get_args(Role)):
        raise EtalageError(
            f"--role: an admin key has at least one of {', '.join(get_args(Role))}, others none"
        )
    if bool(origins) != (kind == "publishable") or not all(map(_ORIGIN.fullmatch, origins)):
        raise EtalageError(
            "--origin: a publishable key has at least one, as https://shop.example, others none"
        )
    if len(note) > NOTE_MAX:
        raise EtalageError(f"--note: at most {NOTE_MAX} characters")


def _run(data: Path | None, work: Work[T]) -> T:
    settings = find_settings(data)
    if not settings.redis:
        raise ServiceMissing(NO_REDIS)
    return asyncio.run(_connect_and_run(redis_address(settings), Keys(settings.namespace), work))


async def _connect_and_run(address: RedisAddress, keys: Keys, work: Work[T]) -> T:
    try:
        async with asyncio.timeout(WITHIN_S), ReconnectingConnection(address) as connection:
            return await work(connection, keys)
    except TimeoutError:
        raise StoreUnavailable(f"Redis did not answer within {WITHIN_S:.0f} s") from None


def _time(at: int | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
