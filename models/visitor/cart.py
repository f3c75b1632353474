"""Cart and purchases: what lies in the cart, what was bought, for how much."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct as Layout

from models.visitor.affinities import category_key, item_key
from models.visitor.changes import Changes
from models.visitor.sessions import COUNT_MAX
from models.visitor.state import BOUGHT_MAX, CART_MAX, Bought, CartLine, VisitorState
from schemas.events import EventItem, OrderProperties

QUANTITY_MAX = 9999
SPENT_MAX = 1e12
_F32 = Layout("<f")


def as_float32(price: float) -> float:
    """The nearest number that four bytes hold: exact to a cent up to 100,000."""
    nearest: float = _F32.unpack(_F32.pack(price))[0]
    return nearest


def add_to_cart(state: VisitorState, changes: Changes, items: Sequence[EventItem], at: int) -> None:
    cart = state.cart
    for item in items[:CART_MAX]:
        key = item_key(item.item_id)
        known = next((line for line in cart if line.key == key), None)
        quantity = item.quantity + (known.quantity if known else 0)
        price = known.price if known and item.price is None else as_float32(item.price or 0.0)
        line = CartLine(key, at, min(QUANTITY_MAX, quantity), price)
        cart = (line, *(other for other in cart if other.key != key))[:CART_MAX]
    changes["cart"] = cart


def take_from_cart(state: VisitorState, changes: Changes, items: Sequence[EventItem]) -> None:
    less: dict[int, int] = {}
    for item in items:
        key = item_key(item.item_id)
        less[key] = less.get(key, 0) + item.quantity
    changes["cart"] = tuple(
        CartLine(line.key, line.at, line.quantity - less.get(line.key, 0), line.price)
        for line in state.cart
        if line.quantity > less.get(line.key, 0)
    )


def show_cart(state: VisitorState, changes: Changes, items: Sequence[EventItem], at: int) -> None:
    """The shop lists the whole cart: that is what it holds; lines keep the time they were added."""
    if not items:
        return
    since = {line.key: line.at for line in state.cart}
    lines: dict[int, CartLine] = {}
    for item in items[:CART_MAX]:
        key = item_key(item.item_id)
        lines[key] = CartLine(key, since.get(key, at), item.quantity, as_float32(item.price or 0.0))
    changes["cart"] = tuple(lines.values())


def buy(state: VisitorState, changes: Changes, order: OrderProperties, at: int) -> None:
    """Counts the order and remembers what was bought, newest first."""
    changes["orders"] = min(COUNT_MAX, state.orders + 1)
    changes["last_order_at"] = max(state.last_order_at, at)
    changes["spent"] = _cents(state.spent + _worth(order))
    bought = state.bought
    for item in order.items[:BOUGHT_MAX]:
        line = Bought(item_key(item.item_id), at, as_float32(item.price or 0.0), category_key(item))
        bought = (line, *(other for other in bought if other.key != line.key))[:BOUGHT_MAX]
    changes["bought"] = bought


def _worth(order: OrderProperties) -> float:
    if order.value is not None:
        return order.value
    return sum((item.price or 0.0) * item.quantity for item in order.items)


def _cents(amount: float) -> float:
    return round(min(SPENT_MAX, max(0.0, amount)) * 100) / 100


def clear_cart(changes: Changes) -> None:
    changes["cart"] = ()


def give_back(state: VisitorState, changes: Changes, items: Sequence[EventItem]) -> None:
    """Returned items are no longer what the visitor owns."""
    keys = {item_key(item.item_id) for item in items}
    changes["bought"] = tuple(line for line in state.bought if line.key not in keys)


def pay_back(state: VisitorState, changes: Changes, amount: float | None) -> None:
    if amount:
        changes["spent"] = _cents(state.spent - amount)
