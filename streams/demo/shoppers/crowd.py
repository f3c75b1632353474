"""Many shoppers at once, each coming back with the same taste, together never faster than a set rate."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

from msgspec import Struct

from schemas.layouts import Layout
from streams.demo.shoppers.acts import Act, Acts
from streams.demo.shoppers.pace import Pace
from streams.demo.shoppers.shop_client import ShopAway, ShopClient, shop_at
from streams.demo.shoppers.tastes import taste_of
from streams.demo.shoppers.visit import Visit
from streams.runtime.clock import Clock, SystemClock
from streams.runtime.telemetry.logs import logger

BETWEEN_VISITS_S = 8.0
AWAY_FIRST_S, AWAY_MOST_S = 0.5, 10.0
"""How long a shopper who found the door shut waits before the next try, doubling."""


class CrowdPlan(Struct, frozen=True, kw_only=True):
    """`rate` is events a second of all together; equal seeds give equal people."""

    url: str
    shoppers: int = 40
    rate: float = 20.0
    seed: int = 7


class Tally(Struct):
    """What happened so far."""

    visits: int = 0
    events: int = 0
    orders: int = 0
    away: int = 0


class PacedShop:
    """A shop that lets nobody act out of turn, keeps the tally, and says once when it is away or back."""

    def __init__(self, client: ShopClient, pace: Pace, tally: Tally) -> None:
        self._client, self._pace, self.tally = client, pace, tally
        self._away = False

    async def post(self, acts: Sequence[Act]) -> str | None:
        await self._pace.turn(len(acts))
        token = await self._client.post(acts)
        self.tally.events += len(acts)
        self.tally.orders += sum(act["event"] == "purchase" for act in acts)
        if self._away:
            self._away = False
            logger("shoppers").info("the shop is back")
        return token

    async def layout(self, page: str, visitor: str, **parts: str | None) -> Layout:
        return await self._client.layout(page, visitor, **parts)

    def missed(self, exc: ShopAway) -> None:
        """Somebody found it shut."""
        self.tally.away += 1
        if not self._away:
            self._away = True
            logger("shoppers").warning("the shop is away", detail=str(exc))


async def browse(plan: CrowdPlan, tally: Tally, clock: Clock | None = None) -> None:
    """Let the crowd browse until cancelled."""
    run = secrets.token_hex(4)  # message ids of another run must not look like repeats of this one's
    async with shop_at(plan.url) as client, asyncio.TaskGroup() as group:
        shop = PacedShop(client, Pace(plan.rate), tally)
        for number in range(plan.shoppers):
            group.create_task(_live(shop, plan, number, run, clock or SystemClock()))


async def _live(shop: PacedShop, plan: CrowdPlan, number: int, run: str, clock: Clock) -> None:
    """Visit after visit of one person, for ever; a shop that is away is tried again, ever less often."""
    random = Random(f"{plan.seed}/{number}")
    taste = taste_of(random)
    device = random.choice(("desktop", "mobile", "mobile", "tablet"))
    acts = Acts(
        f"shopper-{plan.seed}-{number:04d}", run, lambda: datetime.fromtimestamp(clock.now(), UTC), device
    )
    wait_s = AWAY_FIRST_S
    while True:
        try:
            await Visit(shop, acts, taste, random).run()
            shop.tally.visits += 1
            wait_s = AWAY_FIRST_S
            await asyncio.sleep(random.expovariate(1 / BETWEEN_VISITS_S))
        except ShopAway as exc:
            shop.missed(exc)
            await asyncio.sleep(wait_s * (0.5 + random.random()))
            wait_s = min(2 * wait_s, AWAY_MOST_S)
