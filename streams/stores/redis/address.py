"""Where Redis is and how a connection introduces itself there: read once from `host:port` or a URL."""

from __future__ import annotations

import os
from ssl import SSLContext, SSLError
from typing import Any

from msgspec import Struct
from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import RedisError

from schemas.errors import InvalidSetting, error_text
from streams.runtime.settings import redis_url_of

Command = tuple[str | int, ...]


class RedisAddress(Struct, frozen=True):
    """`greeting` is what a new connection says first; the last of it is PING."""

    host: str
    port: int
    tls: SSLContext | None
    greeting: tuple[Command, ...]

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_address(address: str) -> RedisAddress:
    """The address that a setting names.

    Args:
        address: `host:port`, or a URL `redis[s]://[user:password@]host[:port][/db]` with redis-py's options
            of TLS (`ssl_ca_certs=…`) and `client_name=…` as its query.

    Raises:
        InvalidSetting: it is neither, an option has a wrong value, or a certificate cannot be read.
    """
    url = redis_url_of(address)
    try:
        options: dict[str, Any] = dict(parse_url(url))
        tls = _tls(options) if options.get("connection_class") is SSLConnection else None
    except (ValueError, TypeError, OSError, RedisError) as exc:
        raise InvalidSetting(f"Redis: {error_text(exc)}") from exc
    host, port = options.get("host", "localhost"), options.get("port", 6379)
    return RedisAddress(host, port, tls, tuple(_greeting(options)))


def connect_error_text(address: object, exc: BaseException, within_s: float) -> str:
    """Why a connection could not be made, in one line for an operator."""
    match exc:
        case TimeoutError():
            return f"Redis at {address} does not answer within {within_s:g} s"
        case SSLError():
            why = str(exc)
        case OSError(errno=int(number)) if number > 0:
            why = os.strerror(number)  # asyncio's own text repeats the address
        case OSError(strerror=str(why)):  # of name servers, whose numbers are negative
            pass
        case OSError():
            why = str(exc)
        case _:
            return error_text(exc)  # what Redis said to the greeting, or a defect
    return f"Redis at {address} does not answer{why and ': '}{why}"


def _tls(options: dict[str, Any]) -> SSLContext:
    context: SSLContext = SSLConnection(
        **{name: value for name, value in options.items() if name.startswith("ssl_")}
    ).ssl_context.get()
    return context


def _greeting(options: dict[str, Any]) -> list[Command]:
    commands: list[Command] = []
    if options.get("password"):
        names = (options["username"],) if options.get("username") else ()
        commands.append(("AUTH", *names, options["password"]))
    if options.get("client_name"):
        commands.append(("CLIENT", "SETNAME", options["client_name"]))
    if options.get("db"):
        commands.append(("SELECT", options["db"]))
    return [*commands, ("PING",)]
