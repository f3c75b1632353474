"""Whose address a request comes from: the peer's, or what proxies that are ours say of it."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from schemas.errors import InvalidSetting
from streams.gateway.http.asgi_io import Scope
from streams.runtime.settings import without_secret

REMEMBERED = 10_000
"""Addresses worked out last."""

FORWARDED_BYTES_MAX = 512
"""Of `X-Forwarded-For`, from its end: what the nearest proxies wrote."""

Address = IPv4Address | IPv6Address


class ClientAddresses:
    """Groups clients by address: IPv4 one by one, IPv6 by the /64 that a customer gets.

    `X-Forwarded-For` is read from its end, and only past peers that are named proxies: what a client puts
    into it itself stands before the first address that is none of them, and is never read.

    Args:
        proxies: their addresses or networks, `10.0.0.0/8,…`; None for none.
        private_too: whether addresses that are not public count; they are mostly those of a proxy that nobody
            named, and then stand for everybody behind it.

    Raises:
        InvalidSetting: one of the proxies is neither an address nor a network.
    """

    def __init__(self, proxies: str | None, *, private_too: bool) -> None:
        self._networks = [_network(text.strip()) for text in (proxies or "").split(",") if text.strip()]
        self._private_too = private_too
        self._remembered = lru_cache(REMEMBERED)(self._find)

    def find(self, scope: Scope) -> str:
        """The client's group; empty for one that is not known, or not public."""
        client = scope.get("client")
        if not client:
            return ""
        return self._remembered(client[0], _read_forwarded(scope) if self._networks else b"")

    def find_peer(self, peer: str) -> str:
        """The group of who is at the other end of a connection; empty for a named proxy, too."""
        address = _parse(peer)
        return "" if address is None or self._is_proxy(address) else self._remembered(peer, b"")

    def _find(self, peer: str, forwarded: bytes) -> str:
        address = _parse(peer)
        hops = forwarded.decode("latin-1").split(",") if forwarded else []
        while address is not None and hops and self._is_proxy(address):
            before = _parse(hops.pop())
            if before is None:
                break
            address = before
        if address is None or not (self._private_too or address.is_global):
            return ""
        return str(address) if address.version == 4 else str(ip_network((int(address), 64), strict=False))

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


class PeerConnections:
    """How many connections each address has open here, so that one cannot take all that there may be.

    Args:
        addresses: whose connections are not counted: proxies', and those of addresses that do not count.
        most: connections of one address.
    """

    def __init__(self, addresses: ClientAddresses, most: int) -> None:
        self._addresses, self._most = addresses, most
        self._open = Counter[str]()

    def add(self, peer: str) -> str | None:
        """The group that the connection is counted in, to be given to `remove`; None for one too many."""
        group = self._addresses.find_peer(peer)
        if group and self._open[group] >= self._most:
            return None
        if group:
            self._open[group] += 1
        return group

    def remove(self, group: str) -> None:
        """A connection that was counted is closed."""
        if group:
            self._open[group] -= 1
            if not self._open[group]:
                del self._open[group]


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        shown = without_secret(text)
        raise InvalidSetting(f"ETALAGE_PROXIES: addresses or networks, not {shown!r}") from None


def _read_forwarded(scope: Scope) -> bytes:
    """The end of all X-Forwarded-For headers, in whole addresses."""
    lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    text: bytes = b",".join(lines)
    return text[-FORWARDED_BYTES_MAX:].partition(b",")[2] if len(text) > FORWARDED_BYTES_MAX else text


def _parse(text: str) -> Address | None:
    """An address, as proxies write it: with a port or without; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
