"""Where Redis is and how a connection introduces itself there: read once from the settings.

Worker, gateway and commands all come here, so that they reach the same Redis or fail with the same words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from ssl import SSLContext, SSLError
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import RedisError

from schemas.errors import InvalidSetting, StoreUnavailable, error_text
from streams.runtime.settings import SENTINEL, Settings, redis_url_of, secret_file_text, without_secret
from streams.stores.redis.pipeline import Host

Command = tuple[str | int, ...]
TLS_FILES: Mapping[str, str] = {
    "ssl_ca_certs": "ETALAGE_REDIS_CA",
    "ssl_certfile": "ETALAGE_REDIS_CERT",
    "ssl_keyfile": "ETALAGE_REDIS_KEY",
}
"""redis-py's options of a URL, and the settings that stand for them."""
SENTINEL_PORT = 26379


class RedisLogin(Struct, frozen=True):
    """What a server is told about who connects; a password file is read for each connection."""

    username: str | None = None
    password: str | None = None
    password_file: str | None = None

    def command(self) -> list[Command]:
        """AUTH, or nothing without a password.

        Raises:
            StoreUnavailable: the password file cannot be read.
        """
        password = self.password
        if password is None and self.password_file is not None:
            password = read_password(self.password_file)
        if not password:
            return []
        return [("AUTH", *((self.username,) if self.username else ()), password)]

    def __repr__(self) -> str:
        return f"RedisLogin(username={self.username!r})"


class Sentinels(Struct, frozen=True):
    """Servers that know which Redis is the master of `service`."""

    hosts: tuple[Host, ...]
    service: str
    login: RedisLogin


class RedisAddress(Struct, frozen=True, kw_only=True):
    """One Redis; with `sentinels` they say at which host and port it is, and it must be a master."""

    host: str
    port: int
    tls: SSLContext | None = None
    login: RedisLogin = RedisLogin()
    database: int = 0
    name: str | None = None
    sentinels: Sentinels | None = None

    def greeting(self) -> list[Command]:
        """What a new connection says first; the last of it is PING. Raises as RedisLogin.command."""
        commands = self.login.command()
        if self.name:
            commands.append(("CLIENT", "SETNAME", self.name))
        if self.database:
            commands.append(("SELECT", self.database))
        return [*commands, ("PING",)]

    def __str__(self) -> str:
        if self.sentinels is None:
            return f"{self.host}:{self.port}"
        hosts = ",".join(f"{host}:{port}" for host, port in self.sentinels.hosts)
        return f"{hosts}/{self.sentinels.service}"


def redis_address(settings: Settings) -> RedisAddress:
    """The Redis of these settings; `redis` must be given.

    Raises:
        InvalidSetting: as parse_address; or a certificate is set for a connection without TLS.
    """
    given = (settings.redis_ca, settings.redis_cert, settings.redis_key)
    files = {option: path for option, path in zip(TLS_FILES, given, strict=True) if path}
    address = settings.redis or ""
    if files and not redis_url_of(address).startswith("rediss"):
        name = TLS_FILES[next(iter(files))]
        raise InvalidSetting(f"{name} is for TLS: write rediss://… in ETALAGE_REDIS, or leave it out")
    return parse_address(address, tls_files=files, password_file=settings.redis_password_file)


def parse_address(
    address: str, *, tls_files: Mapping[str, str] | None = None, password_file: str | None = None
) -> RedisAddress:
    """The address that a setting names.

    Args:
        address: `host:port`; or a URL `redis[s]://[user[:password]@]host[:port][/database]`; or
            `redis[s]+sentinel://[user[:password]@]host[:port][,host[:port]…]/service[/database]`. Its query
            may hold redis-py's options of TLS (`ssl_ca_certs=…`) and `client_name=…`, and for Sentinels
            `sentinel_username=…` and `sentinel_password=…`.
        tls_files: options of TLS by redis-py's names, where the URL does not give them.
        password_file: holds the password, where the URL has none.

    Raises:
        InvalidSetting: it is none of these, an option has a wrong value, or a file cannot be read.
    """
    url, sentinel_hosts, service = _split_sentinels(redis_url_of(address))
    try:
        options: dict[str, Any] = {**(tls_files or {}), **parse_url(url)}
        tls = _tls(options) if options.get("connection_class") is SSLConnection else None
        if password_file is not None:
            read_password(password_file)
    except (ValueError, TypeError, OSError, RedisError, StoreUnavailable) as exc:
        raise InvalidSetting(f"Redis: {error_text(exc)}") from exc
    return RedisAddress(
        host=options.get("host", "localhost"),
        port=options.get("port", 6379),
        tls=tls,
        login=RedisLogin(options.get("username"), options.get("password"), password_file),
        database=options.get("db") or 0,
        name=options.get("client_name"),
        sentinels=_sentinels(sentinel_hosts, service, options) if sentinel_hosts else None,
    )


def without_password(address: str) -> str:
    """An address of Redis that can be used as the other, given the password by other means."""
    if not re.search("[@?]", address):
        return address
    parts = urlsplit(redis_url_of(address))
    login, _, hosts = parts.netloc.rpartition("@")
    name = login.partition(":")[0]
    options = [one for one in parts.query.split("&") if "password" not in unquote(one.partition("=")[0])]
    netloc = f"{name}@{hosts}" if name else hosts
    return parts._replace(netloc=netloc, query="&".join(options), fragment="").geturl()


def read_password(path: str) -> str:
    """What the file holds, without the line's end; StoreUnavailable when it cannot be read."""
    try:
        return Path(path).read_text().strip("\r\n")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else error_text(exc)
        raise StoreUnavailable(f"the password file {secret_file_text(path)} cannot be read: {why}") from None


def _split_sentinels(url: str) -> tuple[str, tuple[Host, ...], str]:
    """A URL of one Redis, the hosts of its Sentinels and the name of its service; none in a plain URL."""
    if SENTINEL not in url.partition("://")[0]:
        return url, (), ""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise InvalidSetting(
            f"Redis: the service is missing, as in {parts.scheme}://host:26379/mymaster, "
            f"in {without_secret(url)!r}"
        )
    plain = parts._replace(
        scheme=parts.scheme.replace(SENTINEL, ""), netloc=f"{login}{at}localhost", path=f"/{database}"
    )
    return plain.geturl(), tuple(map(_host, hosts.split(","))), service


def _host(text: str) -> Host:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "localhost", parts.port or SENTINEL_PORT


def _sentinels(hosts: tuple[Host, ...], service: str, options: Mapping[str, Any]) -> Sentinels:
    login = RedisLogin(options.get("sentinel_username"), options.get("sentinel_password"))
    return Sentinels(hosts, service, login)


def _tls(options: Mapping[str, Any]) -> SSLContext:
    for option, setting in TLS_FILES.items():
        if option in options:
            _refuse_unreadable(options[option], f"{option} ({setting})")
    try:
        context: SSLContext = SSLConnection(
            **{name: value for name, value in options.items() if name.startswith("ssl_")}
        ).ssl_context.get()
    except SSLError as exc:
        files = ", ".join(str(options[option]) for option in TLS_FILES if option in options)
        raise ValueError(f"no certificate and key that belong together in {files}: {exc}") from exc
    return context


def _refuse_unreadable(path: str, what: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as exc:
        raise ValueError(f"{what}: {path} cannot be read: {exc.strerror}") from exc
