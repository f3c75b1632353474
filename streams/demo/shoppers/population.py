"""Many simulated shoppers at once: each returns with the same preferences, all share one rate limit."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

from msgspec import Struct

from schemas.layouts import Layout
from streams.demo.shoppers.events import EventBody, EventFactory
from streams.demo.shoppers.preferences import sample_preferences
from streams.demo.shoppers.rate_limit import RateLimiter
from streams.demo.shoppers.shop_client import ShopClient, ShopUnavailable, connect_shop
from streams.demo.shoppers.visit import ShoppingTrip
from streams.runtime.clock import Clock, SystemClock
from streams.runtime.telemetry.logs import logger

log = logger("shoppers")

BETWEEN_VISITS_S = 8.0
"""Mean pause between two visits of a shopper."""
RETRY_S = (0.5, 10.0)
"""First and longest wait of a shopper after a failure, doubling."""


class PopulationPlan(Struct, frozen=True, kw_only=True):
    """Who browses which shop; `rate` is events a second of all together, equal seeds give equal shoppers.

    `key` is a server key, for a gateway that needs one.
    """

    url: str
    shoppers: int = 40
    rate: float = 20.0
    seed: int = 7
    key: str | None = None


class PopulationStats(Struct):
    """Counts so far; `failures` are visits that ended because the shop did not answer."""

    visits: int = 0
    events: int = 0
    orders: int = 0
    failures: int = 0


class RateLimitedShop:
    """The shop of all shoppers: limits the rate, counts, logs when the gateway fails or answers again."""

    def __init__(self, client: ShopClient, limiter: RateLimiter, stats: PopulationStats) -> None:
        self._client, self._limiter, self.stats = client, limiter, stats
        self._failing = False

    async def post(self, events: Sequence[EventBody]) -> str | None:
        await self._limiter.acquire(len(events))
        token = await self._client.post(events)
        self.stats.events += len(events)
        self.stats.orders += sum(event["event"] == "purchase" for event in events)
        if self._failing:
            self._failing = False
            log.info("gateway answers again", service="gateway")
        return token

    async def layout(self, page: str, visitor: str, **parameters: str | None) -> Layout:
        return await self._client.layout(page, visitor, **parameters)

    def note_failure(self, exc: ShopUnavailable) -> None:
        """Count a visit that failed; log it if the one before did not fail."""
        self.stats.failures += 1
        if not self._failing:
            self._failing = True
            log.warning("retrying", service="gateway", action="browse", error=str(exc))


async def browse(plan: PopulationPlan, stats: PopulationStats, clock: Clock | None = None) -> None:
    """Let the shoppers browse until cancelled.

    Args:
        plan: The shop and the shoppers.
        stats: Is counted up.
        clock: Gives the events' timestamps and measures the rate.
    """
    run = secrets.token_hex(4)  # so that message ids are no duplicates of those of an earlier run
    clock = clock or SystemClock()
    async with connect_shop(plan.url, plan.key) as client, asyncio.TaskGroup() as group:
        shop = RateLimitedShop(client, RateLimiter(plan.rate, clock), stats)
        for number in range(plan.shoppers):
            group.create_task(_run_shopper(shop, plan, number, run, clock))


async def _run_shopper(
    shop: RateLimitedShop, plan: PopulationPlan, number: int, run: str, clock: Clock
) -> None:
    """Run visit after visit of one shopper until cancelled; after a failure retry with backoff."""
    random = Random(f"{plan.seed}/{number}")
    preferences = sample_preferences(random)
    device = random.choice(("desktop", "mobile", "mobile", "tablet"))
    name = f"shopper-{plan.seed}-{number:04d}"
    events = EventFactory(name, run, lambda: datetime.fromtimestamp(clock.now(), UTC), device)
    first_wait_s, longest_wait_s = RETRY_S
    wait_s = first_wait_s
    while True:
        try:
            await ShoppingTrip(shop, events, preferences, random).run()
            shop.stats.visits += 1
            wait_s = first_wait_s
            await asyncio.sleep(random.expovariate(1 / BETWEEN_VISITS_S))
        except ShopUnavailable as exc:
            shop.note_failure(exc)
            await asyncio.sleep(wait_s * (0.5 + random.random()))
            wait_s = min(2 * wait_s, longest_wait_s)
