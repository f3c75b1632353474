"""A shop in memory for one visitor, which records what it gets, and a shopper for it."""

from __future__ import annotations

from functools import cache
from typing import Any

from schemas.catalog import Item
from schemas.ids import ItemId, VisitorId
from schemas.layouts import Card, Layout, LayoutItem, LayoutModule, LayoutSlot, ModelTag
from streams.demo.catalogue import demo_items
from streams.demo.shoppers.events import EventBody
from streams.demo.shoppers.preferences import Preferences

SNEAKERHEAD = Preferences(
    categories=("sneakers",), brands=("Kestrand",), colours=("teal",), tier=1.0, mean_looks=9,
    cart_chance=0.3, search_chance=0.1,
)  # fmt: skip


@cache
def items_in_stock() -> tuple[Item, ...]:
    return tuple(item for item in demo_items() if item.stock)


class InMemoryShop:
    """Every page shows `page_size` products; a token counts the events posted."""

    def __init__(self, page_size: int = 40) -> None:
        self.items = list(items_in_stock()[:: len(items_in_stock()) // page_size][:page_size])
        self.events: list[EventBody] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []

    async def post(self, events: list[EventBody]) -> str | None:
        self.events += events
        return f"t{len(self.events)}"

    async def layout(self, page: str, visitor: str, **parameters: str | None) -> Layout:
        self.requests.append((page, parameters))
        return layout_of(page, visitor, self.items)


def card_of(item: Item) -> Card:
    return Card(
        title=item.title, price=item.price, currency=item.currency, brand=item.brand,
        list_price=item.list_price, image=item.image, categories=item.categories, colour=item.colour,
    )  # fmt: skip


def layout_of(page: str, visitor: str, items: list[Item]) -> Layout:
    module = LayoutModule(
        id="all", type="popular", title="All", reason="all there is", decision_id="d1:all", propensity=1.0,
        items=[LayoutItem(id=ItemId(i.item_id), index=n, card=card_of(i)) for n, i in enumerate(items)],
    )  # fmt: skip
    return Layout(
        version="1.0.0", as_of=None, edition="0.0", layout_id="d1", visitor_id=VisitorId(visitor), page=page,
        mode="full", reason="ok", model=ModelTag(name="none", version="0", generation=0, role="none"),
        experiments=[], slots=[LayoutSlot(slot=f"{page}.row-1", module=module)],
    )  # fmt: skip
