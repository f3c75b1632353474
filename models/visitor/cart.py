"""Cart and purchases of a visitor: cart lines, items bought, orders and their value."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from models.visitor.affinities import category_key, item_key
from models.visitor.sessions import UINT16_MAX
from models.visitor.state import (
    BOUGHT_MAX,
    CART_MAX,
    CartLine,
    PurchasedItem,
    StateChanges,
    VisitorState,
)
from schemas.events import EventItem, OrderProperties

QUANTITY_MAX = 9999
SPENT_MAX = 1e12
_F32 = struct.Struct("<f")


def round_to_float32(price: float) -> float:
    """The nearest number that four bytes hold: exact to a cent up to 100,000."""
    nearest: float = _F32.unpack(_F32.pack(price))[0]
    return nearest


def add_to_cart(state: VisitorState, changes: StateChanges, items: Sequence[EventItem], at: int) -> None:
    cart = state.cart
    for item in items[:CART_MAX]:
        key = item_key(item.item_id)
        known = next((line for line in cart if line.key == key), None)
        quantity = item.quantity + (known.quantity if known else 0)
        price = known.price if known and item.price is None else round_to_float32(item.price or 0.0)
        line = CartLine(key, at, min(QUANTITY_MAX, quantity), price)
        cart = (line, *(other for other in cart if other.key != key))[:CART_MAX]
    changes["cart"] = cart


def remove_from_cart(state: VisitorState, changes: StateChanges, items: Sequence[EventItem]) -> None:
    """Takes the quantities of the items out of the cart; lines that reach zero go."""
    less: dict[int, int] = {}
    for item in items:
        key = item_key(item.item_id)
        less[key] = less.get(key, 0) + item.quantity
    changes["cart"] = tuple(
        CartLine(line.key, line.at, line.quantity - less.get(line.key, 0), line.price)
        for line in state.cart
        if line.quantity > less.get(line.key, 0)
    )


def replace_cart(state: VisitorState, changes: StateChanges, items: Sequence[EventItem], at: int) -> None:
    """Replaces the cart by the shop's own list of it; lines keep the time they were added."""
    if not items:
        return
    since = {line.key: line.at for line in state.cart}
    lines: dict[int, CartLine] = {}
    for item in items[:CART_MAX]:
        key = item_key(item.item_id)
        lines[key] = CartLine(key, since.get(key, at), item.quantity, round_to_float32(item.price or 0.0))
    changes["cart"] = tuple(lines.values())


def record_order(state: VisitorState, changes: StateChanges, order: OrderProperties, at: int) -> None:
    """Counts an order, adds its value and remembers its items, newest first."""
    changes["orders"] = min(UINT16_MAX, state.orders + 1)
    changes["last_order_at"] = max(state.last_order_at, at)
    changes["spent"] = _round_to_cents(state.spent + _order_value(order))
    bought = state.bought
    for item in order.items[:BOUGHT_MAX]:
        key, price = item_key(item.item_id), round_to_float32(item.price or 0.0)
        line = PurchasedItem(key, at, price, category_key(item))
        bought = (line, *(other for other in bought if other.key != key))[:BOUGHT_MAX]
    changes["bought"] = bought


def _order_value(order: OrderProperties) -> float:
    if order.value is not None:
        return order.value
    return sum((item.price or 0.0) * item.quantity for item in order.items)


def _round_to_cents(amount: float) -> float:
    return round(min(SPENT_MAX, max(0.0, amount)) * 100) / 100


def clear_cart(changes: StateChanges) -> None:
    changes["cart"] = ()


def remove_returned(state: VisitorState, changes: StateChanges, items: Sequence[EventItem]) -> None:
    """Removes returned items from those bought."""
    keys = {item_key(item.item_id) for item in items}
    changes["bought"] = tuple(line for line in state.bought if line.key not in keys)


def subtract_refund(state: VisitorState, changes: StateChanges, amount: float | None) -> None:
    """Subtracts a refund from what was spent, not below zero; None is no refund."""
    if amount:
        changes["spent"] = _round_to_cents(state.spent - amount)
