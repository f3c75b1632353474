"""One visit of one shopper: look around, look closer, perhaps take something home, leave."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Protocol

from msgspec import Struct

from schemas.layouts import Card, Layout, LayoutModule
from streams.demo.shoppers.acts import Act, Acts, echo
from streams.demo.shoppers.tastes import Taste, appeal, choose

SEEN_MODULES = 3
LEAVE_HOME, LEAVE_LIST = 4.2, 2.5
"""Appeal of doing something else than click a product, on the window and on narrower pages."""

FITS = 2.5
"""From this appeal on a product may be put into the cart, saved or shared."""


class Shop(Protocol):
    """What a visitor can do; ShopAway when the shop cannot be reached."""

    async def post(self, acts: list[Act]) -> str | None: ...

    async def layout(self, page: str, visitor: str, **parts: str | None) -> Layout: ...


class Shown(Struct, frozen=True):
    """A product where it stands."""

    slot: str
    module: LayoutModule
    index: int
    item_id: str
    card: Card


class Visit:
    """State of a visit: what is in the cart, and the token of the last event (to read our own writes)."""

    def __init__(self, shop: Shop, acts: Acts, taste: Taste, random: Random) -> None:
        self._shop, self._acts, self._taste, self._random = shop, acts, taste, random
        self._cart: dict[str, Card] = {}
        self._token: str | None = None
        self._visitor = "a:" + acts.anonymous_id

    async def run(self) -> None:
        """From the door and back to it."""
        await self._do(self._acts.act("page_view"))
        looks = 1 + self._random.expovariate(1 / self._taste.patience)
        page, parts = "home", dict[str, str]()
        while looks > 0:
            layout = await self._shop.layout(page, self._visitor, after=self._token, **parts)
            picked = self._pick(layout, leave=LEAVE_HOME if page == "home" else LEAVE_LIST)
            if picked is None:
                page, parts = await self._wander()
                looks -= 0.5
                continue
            await self._look(picked, layout)
            page, parts = ("product", {"item": picked.item_id}) if self._chance(0.5) else ("home", {})
            looks -= 1
        await self._leave()

    def _pick(self, layout: Layout, *, leave: float) -> Shown | None:
        shown = list(shown_in(layout))
        index = choose(self._taste, [(one.item_id, one.card) for one in shown], self._random, leave=leave)
        return None if index is None else shown[index]

    async def _wander(self) -> tuple[str, dict[str, str]]:
        """To a search, a favourite category, or back to the window."""
        category = self._random.choice(self._taste.categories)
        if self._chance(self._taste.searches):
            await self._do(self._acts.act("search", properties={"search_term": category}))
            return "search", {"q": category}
        return ("category", {"category": category}) if self._chance(0.6) else ("home", {})

    async def _look(self, one: Shown, layout: Layout) -> None:
        """Click a product and look at it; what fits may be kept."""
        where = echo(one.slot, one.module, one.index)
        seen = [self._acts.impression(slot.slot, slot.module) for slot in layout.slots[:SEEN_MODULES]]
        select = self._acts.about("select_item", one.item_id, one.card, **where)
        await self._do(*seen, select, self._acts.about("view_item", one.item_id, one.card))
        if appeal(self._taste, one.item_id, one.card) > FITS:
            for act in self._kept(one):
                await self._do(act)

    def _kept(self, one: Shown) -> Iterator[Act]:
        if self._chance(self._taste.eagerness):
            self._cart[one.item_id] = one.card
            yield self._acts.about("add_to_cart", one.item_id, one.card)
        elif self._chance(0.12):
            yield self._acts.about("add_to_wishlist", one.item_id, one.card)
        elif self._chance(0.04):
            yield self._acts.about("share", one.item_id, one.card)

    async def _leave(self) -> None:
        """Buy what is in the cart, more often than not; or leave it there."""
        if not self._cart or self._chance(0.4):
            return
        lines = list(self._cart.items())
        await self._do(
            self._acts.act("begin_checkout"), self._acts.order(lines, self._random.getrandbits(40))
        )

    async def _do(self, *acts: Act) -> None:
        self._token = await self._shop.post(list(acts)) or self._token

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


def shown_in(layout: Layout) -> Iterator[Shown]:
    """Every product of a layout that has its card, from the top."""
    for slot in layout.slots:
        for item in slot.module.items:
            if item.card is not None:
                yield Shown(slot.slot, slot.module, item.index, item.id, item.card)
