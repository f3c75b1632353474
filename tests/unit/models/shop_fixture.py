"""A small shop and visitors for tests of candidates, features and rankers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from models.catalog.build import build_items
from models.catalog.table import ItemTable
from models.visitor.decay import quantise
from models.visitor.state import CartLine, PurchasedItem, RecentItem, VisitorState
from schemas.catalog import Item
from schemas.ids import ItemId, hash32, hash48
from schemas.signals import Neighbour, Signal

NOW = datetime(2026, 1, 10, tzinfo=UTC)
AT = NOW.timestamp()
N = 300
KINDS, BRANDS, COLOURS = 12, 9, 5


def an_item(number: int) -> Item:
    return Item(
        item_id=f"i{number:03}",
        title=f"Thing {number} of kind{number % KINDS}",
        categories=[f"part{number % 3}", f"kind{number % KINDS}"],
        price=10.0 + number % 50,
        brand=f"brand{number % BRANDS}" if number % 10 else None,
        colour=f"colour{number % COLOURS}",
        stock=number % 7,
        created_at=NOW - timedelta(days=number),
    )


def a_signal(number: int) -> Signal:
    near = [Neighbour(ItemId(f"i{(number + step) % N:03}"), 5.0 / step) for step in (1, 2, 3, 12, 24)]
    return Signal(
        item_id=ItemId(f"i{number:03}"),
        at=AT,
        delta_offset=number,
        trend=float(number % 13),
        popularity=float(number % 29),
        carts=float(number % 4),
        purchases=float(number % 3),
        co_viewed=near,
        co_bought=near[2:],
    )


@cache
def shop() -> ItemTable:
    signals = {ItemId(f"i{number:03}"): a_signal(number) for number in range(N)}
    return build_items([an_item(number) for number in range(N)], signals, AT)


def a_visitor(first: int = 5, *, seen: int = 6, cart: bool = True) -> VisitorState:
    """Viewed every KINDS-th item from `first` on, so all of one kind; newest first."""
    numbers = [(first + KINDS * step) % N for step in range(seen)]
    kinds = {hash32(f"kind{first % KINDS}"): quantise(4.0)}
    brands = {hash32(f"brand{number % BRANDS}"): quantise(1.0) for number in numbers[:4]}
    return VisitorState(
        incarnation=1,
        offset=9,
        at=int(AT) - 20,
        first_at=int(AT) - 90_000,
        events=20,
        sessions=2,
        session_at=int(AT) - 300,
        session_events=8,
        session_views=seen,
        price=3.5,
        price_weight=quantise(3.0),
        categories=kinds,
        now_categories=kinds,
        brands=brands,
        now_brands=brands,
        colours={hash32("colour1"): quantise(2.0)},
        price_bands={8: quantise(2.0)},
        recent=tuple(RecentItem(hash48(f"i{n:03}"), int(AT) - 20 - 30 * i) for i, n in enumerate(numbers)),
        cart=(CartLine(hash48(f"i{numbers[0]:03}"), int(AT) - 30, 1, 20.0),) if cart and seen else (),
        bought=(PurchasedItem(hash48("i007"), int(AT) - 80_000, 17.0, hash32("kind7")),),
        channels=(20, 0, 0, 0, 0, 0),
        devices=(0, 20, 0, 0, 0),
    )
