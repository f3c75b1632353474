"""How much a visitor, an address or an API key may ask of this gateway; who asks for more is answered 429."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Literal

from msgspec import Struct

from streams.gateway.http.asgi_io import Scope
from streams.gateway.http.limits.client_address import ClientAddresses, PeerConnections
from streams.gateway.http.limits.token_buckets import BURST_S, TokenBuckets
from streams.gateway.http.problems import Problem
from streams.gateway.http.requests.machines import Machines, names_machine
from streams.runtime.clock import Clock
from streams.runtime.settings import Settings
from streams.runtime.telemetry.metrics import Metrics

Who = Literal["visitor", "address", "key"]

SENDER = "etalage.sender"
"""Key of an ASGI scope, set by the door; not there for who is not limited."""

VISITOR_RATE, ADDRESS_RATE = 20.0, 1000.0
"""Units a second where API keys are required and nothing else is set: five pages decided a second for a
visitor; a tenth of what a gateway can do for an address, behind which a whole carrier may be."""

VISITOR_STREAMS, ADDRESS_STREAMS = 10, 500

ADDRESS_CONNECTIONS = 1_000
"""Of an address; twice its streams, where these may be more. A gateway has 10 times as many."""

NEWCOMER_UNITS = 100.0
"""An address may bring a new anonymous visitor for so many units of its rate: ten a second. They cost memory
rather than time: with the first event 4 kB of Redis for half an hour, and 450 bytes for months."""

STREAM_RETRY_AFTER_S = 5


class Rates(Struct, frozen=True, gc=False, kw_only=True):
    """What each visitor and each address may cost: units a second, and numbers of streams; 0 for any."""

    visitor: float = 0.0
    address: float = 0.0
    visitor_streams: int = 0
    address_streams: int = 0


UNLIMITED = Rates()


class Sender(Struct, frozen=True, gc=False):
    """Who sent a request: address and API key, empty where not known; `key_rate` of that key, 0 for any."""

    rates: Rates = UNLIMITED
    address: str = ""
    key: str = ""
    key_rate: float = 0.0


class RateLimited(Problem):
    """429, with `Retry-After` and the RateLimit fields of draft-ietf-httpapi-ratelimit-headers.

    Args:
        who: what is limited.
        after_s: seconds until the same request is taken.
        rate: units a second.
        left: units that are there now.
    """

    def __init__(self, who: Who, *, after_s: float, rate: float, left: int) -> None:
        after = max(1, ceil(after_s))
        self.fields = {
            "ratelimit-policy": f'"{who}";q={int(rate * BURST_S)};w={BURST_S:.0f}',
            "ratelimit": f'"{who}";r={left};t={after}',
        }
        detail = f"this {who} asks for more than {rate:g} units a second: again in {after} s"
        super().__init__(429, detail, headers={"retry-after": str(after)} | self.fields)


class RequestLimits:
    """Limits of this process alone; what it has forgotten (see TokenBuckets) may be asked for again.

    Callers with a server or an admin key have the limit of their key alone: a shop's server asks for all its
    visitors from one address. An open gateway limits nobody unless the settings say so.

    Args:
        settings: rates and numbers of streams; -1 for the defaults.
        clock: its monotonic time fills the buckets.
        metrics: counts what is refused.
    """

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        self._clock, self._metrics = clock, metrics
        self.buckets: dict[Who, TokenBuckets] = {who: TokenBuckets() for who in ("visitor", "address", "key")}
        self._streams = Counter[tuple[Who, str]]()
        self._machines = Machines()
        private_too = max(settings.address_rate, settings.address_streams) > 0
        self._addresses = ClientAddresses(settings.proxies, private_too=private_too)
        self._key_streams = settings.key_streams
        self._open, self._closed = _rates(settings, defaults=False), _rates(settings, defaults=True)

    def peer_connections(self) -> PeerConnections | None:
        """Bounds the connections of each address; None where an address may have any number of streams."""
        streams = self._closed.address_streams
        return PeerConnections(self._addresses, max(ADDRESS_CONNECTIONS, 2 * streams)) if streams else None

    def identify(self, scope: Scope, *, key: str = "", key_rate: float = 0.0, browser: bool) -> None:
        """Note in the scope who sent the request.

        Args:
            scope: of the ASGI request.
            key: id of its API key, empty without a good one.
            key_rate: of that key, units a second.
            browser: whether the key is for browsers, or is missing and required.
        """
        rates = self._closed if browser else UNLIMITED
        if rates is not UNLIMITED or key:
            scope[SENDER] = Sender(rates, self._addresses.find(scope) if browser else "", key, key_rate)

    def identify_in_open(self, scope: Scope) -> None:
        """The same in a gateway without keys."""
        if self._open is not UNLIMITED:
            scope[SENDER] = Sender(self._open, self._addresses.find(scope))

    def record_spent(self) -> None:
        """From now on the buckets remember what is taken out of them, for whoever shares it."""
        for buckets in self.buckets.values():
            buckets.record_spent()

    def count_event(self, visitor: str, minute: int) -> bool:
        """Count an event of a visitor in a minute of its own clock; whether the visitor is a machine."""
        return self._machines.count(visitor, minute, self._clock.monotonic())

    def is_machine(self, scope: Scope, visitor: str) -> bool:
        """Whether a request comes from a machine: by its agent's name, or by what its visitor did."""
        return names_machine(scope) or self._machines.is_machine(visitor, self._clock.monotonic())

    def charge(self, scope: Scope, price: float, visitor: str = "") -> None:
        """Take the price of a request from its visitor, its address and its key, in this order.

        A refusal takes nothing from those behind it, so one visitor cannot use up what others share.

        Args:
            scope: of the ASGI request.
            price: units, see `prices`.
            visitor: empty for a request of none, or of several.

        Raises:
            RateLimited: one of them has not so much.
        """
        sender: Sender | None = scope.get(SENDER)
        if sender is None:
            return
        rates, now = sender.rates, self._clock.monotonic()
        if rates.visitor and visitor:
            self._take("visitor", visitor, price, rates.visitor, now)
        if rates.address and sender.address:
            self._take("address", sender.address, price, rates.address, now)
        if sender.key_rate:
            self._take("key", sender.key, price, sender.key_rate, now)

    def charge_visitor(self, scope: Scope, price: float, visitor: str) -> None:
        """The same of a visitor alone: one of several in a request."""
        sender: Sender | None = scope.get(SENDER)
        if sender is not None and sender.rates.visitor:
            self._take("visitor", visitor, price, sender.rates.visitor, self._clock.monotonic())

    def charge_address(self, scope: Scope) -> None:
        """Take a unit from the address, whatever becomes of the request."""
        sender: Sender | None = scope.get(SENDER)
        if sender is not None and sender.rates.address and sender.address:
            self._take("address", sender.address, 1.0, sender.rates.address, self._clock.monotonic())

    def charge_newcomer(self, scope: Scope) -> None:
        """Let the address bring one more new visitor; what else may be asked from there is not less by that.

        Raises RateLimited.
        """
        sender: Sender | None = scope.get(SENDER)
        if sender is not None and sender.rates.address and sender.address:
            rate = sender.rates.address / NEWCOMER_UNITS
            self._take("address", "new:" + sender.address, 1.0, rate, self._clock.monotonic())

    def address_of(self, scope: Scope) -> str:
        """The client's address; empty where addresses are not limited: they tell nobody apart there."""
        sender: Sender | None = scope.get(SENDER)
        return sender.address if sender is not None and sender.rates.address else ""

    def _take(self, who: Who, owner: str, price: float, rate: float, now: float) -> None:
        buckets = self.buckets[who]
        if after_s := buckets.take(owner, price, rate, now):
            self._metrics.count("rate_limited_total", scope=who)
            raise RateLimited(who, after_s=after_s, rate=rate, left=buckets.left(owner, rate, now))

    @contextmanager
    def hold_stream(self, scope: Scope, visitor: str) -> Iterator[None]:
        """Count a stream as long as the block lasts; raises Problem 429 for one too many."""
        sender: Sender = scope.get(SENDER) or Sender()
        owners: list[tuple[Who, str, int]] = [
            ("visitor", visitor, sender.rates.visitor_streams),
            ("address", sender.address, sender.rates.address_streams),
            ("key", sender.key, self._key_streams),
        ]
        held = [(who, owner) for who, owner, most in owners if owner and most]
        for who, owner, most in owners:
            if owner and 0 < most <= self._streams[who, owner]:
                self._metrics.count("rate_limited_total", scope=f"{who}_streams")
                why = f"this {who} has {most} streams open here, as many as it may"
                raise Problem(429, why, headers={"retry-after": str(STREAM_RETRY_AFTER_S)})
        self._streams.update(held)
        try:
            yield
        finally:
            for one in held:
                self._streams[one] -= 1
                if not self._streams[one]:
                    del self._streams[one]


def _rates(settings: Settings, *, defaults: bool) -> Rates:
    """The limits of browsers, UNLIMITED for none; `defaults` where the settings leave it to us."""

    def chosen(value: float, default: float) -> float:
        return (default if defaults else 0) if value < 0 else value

    rates = Rates(
        visitor=chosen(settings.visitor_rate, VISITOR_RATE),
        address=chosen(settings.address_rate, ADDRESS_RATE),
        visitor_streams=int(chosen(settings.visitor_streams, VISITOR_STREAMS)),
        address_streams=int(chosen(settings.address_streams, ADDRESS_STREAMS)),
    )
    return UNLIMITED if rates == UNLIMITED else rates
