"""Gateways that share their limits: what one spends is missing in the others' buckets, a moment later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from schemas.errors import StoreUnavailable
from streams.gateway.http.limits.request_limits import SENDER, RateLimited, Rates, RequestLimits, Sender
from streams.gateway.http.limits.sharing import SharedLimits, Spent
from streams.gateway.http.limits.token_buckets import BURST_S
from streams.runtime.clock import ManualClock
from streams.runtime.settings import Settings
from streams.runtime.telemetry.metrics import Metrics

RATE = 20.0
HELD = int(RATE * BURST_S)


class Sums:
    """Redis, as far as sharing needs it."""

    def __init__(self) -> None:
        self.totals = Counter[tuple[int, str, str]]()
        self.up = self.answers = True
        self.asked = 0

    async def add(self, window: int, kind: str, spent: Sequence[Spent]) -> list[int]:
        self.asked += 1
        if not self.up:
            raise StoreUnavailable("down")
        for one in spent:
            self.totals[window, kind, one.owner] += one.ms
        if not self.answers:
            raise StoreUnavailable("lost the connection behind the write")
        return [self.totals[window, kind, one.owner] for one in spent]


class Gateway:
    def __init__(self, sums: Sums, clock: ManualClock) -> None:
        self.limits = RequestLimits(Settings(), clock, Metrics())
        self.sharing = SharedLimits(self.limits, sums.add, clock)

    def spend(self, units: int, visitor: str = "a:ann") -> int:
        """How many of so many units were given."""
        scope = {SENDER: Sender(Rates(visitor=RATE))}
        for n in range(units):
            try:
                self.limits.charge(scope, 1.0, visitor)
            except RateLimited:
                return n
        return units


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000_000.0)


@pytest.fixture
def sums() -> Sums:
    return Sums()


async def test_what_one_gave_is_missing_in_the_other(sums: Sums, clock: ManualClock) -> None:
    one, other = Gateway(sums, clock), Gateway(sums, clock)
    assert (one.spend(60), other.spend(30)) == (60, 30)
    for gateway in (one, other, one):
        gateway.spend(1)
        await gateway.sharing.exchange()
    assert other.spend(HELD) == HELD - 93 + 1  # the third of `one` was not told to it yet
    assert one.spend(HELD, "a:other") == HELD, "other visitors have their own"


async def test_gateways_together_give_a_rate_and_not_each_of_them(sums: Sums, clock: ManualClock) -> None:
    gateways = [Gateway(sums, clock) for _ in range(4)]
    given = 0
    for _ in range(120):  # a minute and a half of somebody who asks all of them all the time
        for gateway in gateways:
            given += gateway.spend(HELD)
            await gateway.sharing.exchange()
        clock.advance(0.75)
    alone = HELD + 90 * RATE
    assert given < 4 * HELD + 1.5 * 90 * RATE
    assert given > 0.5 * alone


async def test_its_own_spending_is_taken_once(sums: Sums, clock: ManualClock) -> None:
    gateway = Gateway(sums, clock)
    for _ in range(5):
        assert gateway.spend(10) == 10
        await gateway.sharing.exchange()
    assert gateway.spend(HELD) == HELD - 50


@pytest.mark.parametrize("lost", ["the write", "the answer"])
async def test_without_redis_each_counts_for_itself(sums: Sums, clock: ManualClock, lost: str) -> None:
    gateway = Gateway(sums, clock)
    sums.up, sums.answers = lost != "the write", False
    assert gateway.spend(10) == 10
    with pytest.raises(StoreUnavailable):
        await gateway.sharing.exchange()
    sums.up = sums.answers = True
    assert gateway.spend(10) == 10
    await gateway.sharing.exchange()
    assert gateway.spend(HELD) == HELD - 20


async def test_a_quiet_gateway_asks_nothing(sums: Sums, clock: ManualClock) -> None:
    await Gateway(sums, clock).sharing.exchange()
    assert sums.asked == 0


async def test_nobody_is_locked_out_for_long_by_what_others_say(sums: Sums, clock: ManualClock) -> None:
    gateway = Gateway(sums, clock)
    sums.totals[int(clock.now() // BURST_S), "visitor", "a:ann"] = 10**9
    gateway.spend(1)
    await gateway.sharing.exchange()
    assert gateway.spend(1) == 0
    clock.advance(2 * BURST_S)
    assert gateway.spend(1) == 1


async def test_what_was_spent_while_redis_was_away_is_forgotten(sums: Sums, clock: ManualClock) -> None:
    """Of addresses and keys too: told as the spending of one window it would refuse everybody."""
    gateways = [Gateway(sums, clock) for _ in range(2)]
    scope = {SENDER: Sender(Rates(visitor=RATE, address=RATE), address="9.9.9.9")}
    sums.up = False
    for _ in range(120):
        for gateway in gateways:
            gateway.limits.charge(scope, 1.0, "a:ann")
            with pytest.raises(StoreUnavailable):
                await gateway.sharing.exchange()
            for buckets in gateway.limits.buckets.values():
                assert buckets.take_spent(10) == []
        clock.advance(1.0)
    sums.up = True
    for _ in range(4):
        for gateway in gateways:
            gateway.limits.charge(scope, 1.0, "a:ann")
            await gateway.sharing.exchange()


async def test_a_rate_of_next_to_nothing_ends_no_sharing(sums: Sums, clock: ManualClock) -> None:
    gateway = Gateway(sums, clock)
    gateway.limits.charge({SENDER: Sender(Rates(visitor=1e-308))}, 1e9, "a:ann")
    await gateway.sharing.exchange()
    assert sums.asked == 1
