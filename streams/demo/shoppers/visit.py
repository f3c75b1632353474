"""One visit of one simulated shopper: view pages, look at products, perhaps buy, leave."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Protocol

from msgspec import Struct

from schemas.layouts import Card, Layout, LayoutModule
from streams.demo.shoppers.events import EventBody, EventFactory, decision_fields
from streams.demo.shoppers.preferences import Preferences, choose_product, utility

IMPRESSION_MODULES = 3
"""Modules from the top that count as seen when a product is clicked."""
NO_CLICK_UTILITY_HOME, NO_CLICK_UTILITY_LIST = 4.2, 2.5
"""Utility of clicking no product, on the home page and on others. All numbers here: own choice, not tuned."""
REACT_MIN_UTILITY = 2.5
"""Only a product of more utility may be added to the cart, saved or shared."""
NO_CLICK_COST = 0.5
"""What a page without a click takes from the views left; a viewed product takes 1."""
PRODUCT_PAGE_CHANCE = 0.5
"""Chance that the next page is the viewed product's own, not home."""
CATEGORY_PAGE_CHANCE = 0.6
"""Chance of a category page, not home, when neither a product was clicked nor a search begun."""
WISHLIST_CHANCE, SHARE_CHANCE = 0.12, 0.04
"""Chances of a product that was not added to the cart; of one that was not saved either."""
ABANDON_CHANCE = 0.4
"""Chance that a filled cart is left unbought."""


class GatewayApi(Protocol):
    """What a shopper asks of the gateway; both raise ShopUnavailable when it does not answer."""

    async def post(self, events: list[EventBody]) -> str | None:
        """Post events; returns the token of the last one, if there is one."""
        ...

    async def layout(self, page: str, visitor: str, **parameters: str | None) -> Layout:
        """Request a page."""
        ...


class ShownProduct(Struct, frozen=True):
    """A product and where a layout shows it."""

    slot: str
    module: LayoutModule
    index: int
    item_id: str
    card: Card


class ShoppingTrip:
    """The state of a visit: the cart, and the token of the last event (for read-your-writes)."""

    def __init__(
        self, shop: GatewayApi, events: EventFactory, preferences: Preferences, random: Random
    ) -> None:
        self._shop, self._events, self._random = shop, events, random
        self._preferences = preferences
        self._cart: dict[str, Card] = {}
        self._token: str | None = None
        self._visitor = "a:" + events.anonymous_id

    async def run(self) -> None:
        """Browse from the home page until the shopper leaves; raises ShopUnavailable."""
        await self._post(self._events.make("page_view"))
        views_left = 1 + self._random.expovariate(1 / self._preferences.mean_looks)
        page, parameters = "home", dict[str, str]()
        while views_left > 0:
            layout = await self._shop.layout(page, self._visitor, after=self._token, **parameters)
            product = self._choose(
                layout, outside=NO_CLICK_UTILITY_HOME if page == "home" else NO_CLICK_UTILITY_LIST
            )
            if product is None:
                page, parameters = await self._choose_page()
                views_left -= NO_CLICK_COST
                continue
            await self._look_at(product, layout)
            to_product = self._happens(PRODUCT_PAGE_CHANCE)
            page, parameters = ("product", {"item": product.item_id}) if to_product else ("home", {})
            views_left -= 1
        await self._check_out()

    def _choose(self, layout: Layout, *, outside: float) -> ShownProduct | None:
        shown = list(shown_products(layout))
        cards = [(product.item_id, product.card) for product in shown]
        index = choose_product(self._preferences, cards, self._random, outside=outside)
        return None if index is None else shown[index]

    async def _choose_page(self) -> tuple[str, dict[str, str]]:
        """Return a search, a favourite category or home, with the page's parameters."""
        category = self._random.choice(self._preferences.categories)
        if self._happens(self._preferences.search_chance):
            await self._post(self._events.make("search", properties={"search_term": category}))
            return "search", {"q": category}
        return ("category", {"category": category}) if self._happens(CATEGORY_PAGE_CHANCE) else ("home", {})

    async def _look_at(self, product: ShownProduct, layout: Layout) -> None:
        """Click a product and view it; one that fits may be added to the cart, saved or shared."""
        item_id, card = product.item_id, product.card
        fields = decision_fields(product.slot, product.module, product.index)
        seen = [
            self._events.make_impression(slot.slot, slot.module) for slot in layout.slots[:IMPRESSION_MODULES]
        ]
        click = self._events.make_for_item("select_item", item_id, card, **fields)
        await self._post(*seen, click, self._events.make_for_item("view_item", item_id, card))
        if utility(self._preferences, item_id, card) > REACT_MIN_UTILITY:
            await self._react(product)

    async def _react(self, product: ShownProduct) -> None:
        """Post at most one of add_to_cart, add_to_wishlist and share."""
        if self._happens(self._preferences.cart_chance):
            self._cart[product.item_id] = product.card
            event = "add_to_cart"
        elif self._happens(WISHLIST_CHANCE):
            event = "add_to_wishlist"
        elif self._happens(SHARE_CHANCE):
            event = "share"
        else:
            return
        await self._post(self._events.make_for_item(event, product.item_id, product.card))

    async def _check_out(self) -> None:
        """Buy what is in the cart, unless it is abandoned."""
        if not self._cart or self._happens(ABANDON_CHANCE):
            return
        lines = list(self._cart.items())
        await self._post(
            self._events.make("begin_checkout"),
            self._events.make_purchase(lines, self._random.getrandbits(40)),
        )

    async def _post(self, *events: EventBody) -> None:
        self._token = await self._shop.post(list(events)) or self._token

    def _happens(self, chance: float) -> bool:
        return self._random.random() < chance


def shown_products(layout: Layout) -> Iterator[ShownProduct]:
    """Yield every product of a layout that has a card, from the top."""
    for slot in layout.slots:
        for item in slot.module.items:
            if item.card is not None:
                yield ShownProduct(slot.slot, slot.module, item.index, item.id, item.card)
