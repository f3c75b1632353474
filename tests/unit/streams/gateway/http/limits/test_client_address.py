"""The client's address: never from a header that the client can write itself."""

from __future__ import annotations

from typing import Any

import pytest

from streams.gateway.http.limits.client_address import FORWARDED_BYTES_MAX, ClientAddresses, PeerConnections

PROXIES = "10.0.0.0/8, 2001:db8:ffff::/48"


def scope(peer: str | None, *forwarded: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", text.encode()) for text in forwarded]
    return {"client": None if peer is None else (peer, 4711), "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("8.8.8.8", (), "8.8.8.8"),
        ("8.8.8.8", ("9.9.9.9",), "8.8.8.8"),  # who is no proxy is not believed
        ("10.0.0.1", ("9.9.9.9",), "9.9.9.9"),
        ("10.0.0.1", ("1.1.1.1, 9.9.9.9, 10.0.0.7",), "9.9.9.9"),  # the first is the client's own invention
        ("10.0.0.1", ("1.1.1.1", "9.9.9.9"), "9.9.9.9"),
        ("10.0.0.1", ("9.9.9.9:5555",), "9.9.9.9"),
        ("10.0.0.1", ("[2600:1:2:3::9]:443",), "2600:1:2:3::/64"),
        ("2001:db8:ffff::1", ("::ffff:9.9.9.9",), "9.9.9.9"),
        ("10.0.0.1", ("1.1.1.1, nonsense",), ""),
        ("10.0.0.1", (), ""),  # a private address stands for everybody behind it
        ("2600:1:2:3:4:5:6:7", (), "2600:1:2:3::/64"),
        ("::ffff:8.8.8.8", (), "8.8.8.8"),
        ("127.0.0.1", (), ""),
        (None, (), ""),
    ],
)
def test_whose_address_it_is(peer: str | None, forwarded: tuple[str, ...], found: str) -> None:
    assert ClientAddresses(PROXIES, private_too=False).find(scope(peer, *forwarded)) == found


def test_private_addresses_count_where_that_is_said() -> None:
    assert ClientAddresses(None, private_too=True).find(scope("127.0.0.1")) == "127.0.0.1"


def test_of_a_long_header_the_end_is_read() -> None:
    addresses = ClientAddresses(PROXIES, private_too=False)
    long = ",".join(["1.1.1.1"] * FORWARDED_BYTES_MAX)
    assert addresses.find(scope("10.0.0.1", long + ",9.9.9.9")) == "9.9.9.9"
    assert addresses.find(scope("10.0.0.1", long)) == "1.1.1.1"


def test_an_address_has_so_many_connections_and_a_proxy_any() -> None:
    peers = PeerConnections(ClientAddresses(PROXIES, private_too=False), most=2)
    assert [peers.add("8.8.8.8") for _ in range(3)] == ["8.8.8.8", "8.8.8.8", None]
    assert peers.add("9.9.9.9") == "9.9.9.9"
    for address, group in (("2600:1:2:3::1", "2600:1:2:3::/64"), ("2600:1:2:3::2", "2600:1:2:3::/64")):
        assert peers.add(address) == group
    assert peers.add("2600:1:2:3::3") is None
    assert {peers.add("10.0.0.1") for _ in range(9)} == {""}
    assert {peers.add("127.0.0.1") for _ in range(9)} == {""}
    peers.remove("8.8.8.8")
    assert [peers.add("8.8.8.8") for _ in range(2)] == ["8.8.8.8", None]
