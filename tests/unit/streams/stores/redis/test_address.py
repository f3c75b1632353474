"""Where Redis is, what a connection sends first, and the message of one that cannot be made."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest

from schemas.errors import InvalidSetting, StoreUnavailable
from streams.stores.redis.address import connect_error_text, parse_address


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
    assert (str(parsed), list(parsed.greeting), parsed.tls) == (target, greeting, None)


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
