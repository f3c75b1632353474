"""Where Redis is, what a connection sends first, and the message of one that cannot be made."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import InvalidSetting, StoreUnavailable
from streams.runtime.settings import Settings
from streams.stores.redis.endpoint.address import RedisLogin, parse_address, redis_address
from streams.stores.redis.endpoint.connect_errors import connect_error_text
from streams.stores.redis.pipeline import reply_error


@pytest.mark.parametrize(
    ("exc", "told"),
    [
        (OSError(111, "Connect call failed ('127.0.0.1', 1)"), "does not answer: Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "does not answer: Name or service not known"),
        (OSError("Multiple exceptions: [1, 2]"), "does not answer: Multiple exceptions: [1, 2]"),
        (OSError(), "does not answer"),
        (ssl.SSLError(1, "certificate verify failed"), "does not answer: certificate verify failed"),
        (TimeoutError(), "does not answer within 2 s"),
    ],
)  # fmt: skip
def test_a_connection_that_cannot_be_made(exc: OSError, told: str) -> None:
    assert connect_error_text("r.shop.test:6379", exc, 2.0) == f"Redis at r.shop.test:6379 {told}"


@pytest.mark.parametrize(
    ("exc", "told"),
    [
        (StoreUnavailable("Redis at h:1 closed the connection"), "Redis at h:1 closed the connection"),
        (asyncio.InvalidStateError(), "InvalidStateError"),
    ],
)
def test_other_troubles_keep_their_words(exc: Exception, told: str) -> None:
    assert connect_error_text("h:1", exc, 2.0) == told


@pytest.mark.parametrize(
    ("address", "target", "greeting"),
    [
        ("r:7000", "r:7000", [("PING",)]),
        ("redis://r", "r:6379", [("PING",)]),
        ("redis://:s%40crt@r:1/3", "r:1", [("AUTH", "s@crt"), ("SELECT", 3), ("PING",)]),
        ("redis://me:pw@r:1?client_name=g", "r:1",
         [("AUTH", "me", "pw"), ("CLIENT", "SETNAME", "g"), ("PING",)]),
    ],
)  # fmt: skip
def test_what_an_address_says(address: str, target: str, greeting: list[Any]) -> None:
    parsed = parse_address(address)
    assert (str(parsed), parsed.greeting(), parsed.tls) == (target, greeting, None)


def test_tls_checks_the_server_unless_told_otherwise() -> None:
    strict, lax = parse_address("rediss://r:1").tls, parse_address("rediss://r:1?ssl_cert_reqs=none").tls
    assert strict is not None
    assert lax is not None
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (lax.verify_mode, lax.check_hostname) == (ssl.CERT_NONE, False)


@pytest.mark.parametrize(
    "address",
    ["http://r", "redis://r?socket_timeout=soon", "rediss://r?ssl_cert_reqs=perhaps",
     "rediss://r?ssl_ca_certs=/no/such/file", "rediss://r?ssl_colour=red"],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused(address: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^Redis: "):
        parse_address(address)


@pytest.mark.parametrize(
    ("address", "hosts", "service", "login"),
    [
        ("redis+sentinel://a:1,b/shop", (("a", 1), ("b", 26379)), "shop", [("PING",)]),
        ("redis+sentinel://me:p%40w@[::1]:1/shop/3", (("::1", 1),), "shop",
         [("AUTH", "me", "p@w"), ("SELECT", 3), ("PING",)]),
    ],
)  # fmt: skip
def test_an_address_of_sentinels(
    address: str, hosts: tuple[tuple[str, int], ...], service: str, login: list[Any]
) -> None:
    parsed = parse_address(address)
    assert parsed.sentinels is not None
    assert (parsed.sentinels.hosts, parsed.sentinels.service) == (hosts, service)
    assert parsed.greeting() == login
    assert "p@w" not in f"{parsed}{parsed!r}"


def test_sentinels_have_a_password_of_their_own() -> None:
    parsed = parse_address("rediss+sentinel://:a@h/shop?sentinel_username=s&sentinel_password=b")
    assert parsed.tls is not None
    assert parsed.sentinels is not None
    assert parsed.login.command() == [("AUTH", "a")]
    assert parsed.sentinels.login.command() == [("AUTH", "s", "b")]


def test_sentinels_without_a_service_are_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"service is missing, as in redis.sentinel://") as caught:
        parse_address("redis+sentinel://me:s3cret@a:1,b:2")
    assert "s3cret" not in str(caught.value)


def test_the_settings_give_what_the_url_does_not(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("new\n")
    address = redis_address(Settings(redis="redis://me@r", redis_password_file=str(secret)))
    assert address.greeting() == [("AUTH", "me", "new"), ("PING",)]
    secret.write_text("newer\n")
    assert address.greeting()[0] == ("AUTH", "me", "newer")
    secret.unlink()
    with pytest.raises(StoreUnavailable, match=r"password cannot be read: .*No such file"):
        address.greeting()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Settings(redis="r:1", redis_ca="ca.pem"), "ETALAGE_REDIS_CA is for TLS: write rediss://"),
        (Settings(redis="redis://r", redis_key="k.pem"), "ETALAGE_REDIS_KEY is for TLS"),
        (Settings(redis="rediss://r", redis_ca="/no/ca.pem"),
         r"ssl_ca_certs \(ETALAGE_REDIS_CA\): /no/ca.pem cannot be read: No such file"),
        (Settings(redis="rediss://r", redis_cert=__file__), "no certificate and key that belong together in"),
        (Settings(redis="r:1", redis_password_file="/no/p"), "the password file /no/p cannot be read"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used_are_named(settings: Settings, told: str) -> None:
    with pytest.raises(InvalidSetting, match=told):
        redis_address(settings)


def test_a_login_does_not_show_its_password() -> None:
    assert "s3cret" not in repr(RedisLogin("me", "s3cret", "/run/file"))
    assert "s3cret" not in repr(parse_address("redis://me:s3cret@r"))


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("Redis: NOAUTH Authentication required.", "; it asks for a password: ETALAGE_REDIS=redis://user"),
        ("Redis: WRONGPASS invalid username-password pair", "; user or password is wrong"),
        ("Redis: NOPERM this user has no permissions to run the 'info' command", "; `etalage redis-acl`"),
        ("Redis at r:1 closed the connection before it said anything", "; if it speaks TLS, write rediss://"),
        ("Redis at r:1 refused the connection (TLSV13_ALERT_CERTIFICATE_REQUIRED) before it said anything",
         "; it asks clients for a certificate"),
    ],
)  # fmt: skip
def test_what_to_do_is_told(said: str, advice: str) -> None:
    error = reply_error(said.removeprefix("Redis: ")) if "Redis: " in said else StoreUnavailable(said)
    text = connect_error_text("r:1", error, 2.0)
    assert text.startswith(said + advice)
    assert connect_error_text("r:1", StoreUnavailable(text), 2.0) == text
