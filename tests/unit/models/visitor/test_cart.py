"""Cart, orders, refunds and returns."""

from __future__ import annotations

from typing import Any

import pytest

from models.visitor.state import VisitorState
from schemas.ids import hash32, hash48
from tests.unit.models.visitor.folding import BOOT, HOUR, LAMP, MINUTE, MORNING, SNEAKER, act, after


def quantities(state: VisitorState) -> dict[int, int]:
    return {line.key: line.quantity for line in state.cart}


def test_the_cart_fills_and_empties() -> None:
    state = after([act("add_to_cart", SNEAKER, LAMP), act("add_to_cart", SNEAKER | {"quantity": 2}, at=9)])
    assert quantities(state) == {hash48("sneaker"): 3, hash48("lamp"): 1}
    assert state.cart[0].at == MORNING + 9
    assert state.cart[0].price == pytest.approx(59.95)
    state = after([act("remove_from_cart", LAMP, SNEAKER)], state)
    assert quantities(state) == {hash48("sneaker"): 2}
    state = after([act("remove_from_cart", SNEAKER | {"quantity": 9})], state)
    assert state.cart == ()


def test_the_shops_own_list_of_the_cart_is_believed() -> None:
    state = after([act("add_to_cart", SNEAKER), act("view_cart", BOOT, SNEAKER | {"quantity": 2}, at=60)])
    assert [(line.key, line.quantity, line.at - MORNING) for line in state.cart] == [
        (hash48("boot"), 1, 60),
        (hash48("sneaker"), 2, 0),
    ]
    assert after([act("view_cart")], state).cart == state.cart


def test_a_purchase_empties_the_cart_and_is_remembered() -> None:
    state = after([act("add_to_cart", SNEAKER, LAMP), act("purchase", SNEAKER, transaction_id="t", value=50)])
    assert state.cart == ()
    assert (state.orders, state.spent, state.last_order_at) == (1, 50.0, MORNING)
    assert [(line.key, line.category) for line in state.bought] == [(hash48("sneaker"), hash32("sneakers"))]


def test_an_order_without_a_value_is_worth_its_lines() -> None:
    lines: list[dict[str, Any]] = [SNEAKER | {"quantity": 2}, {"item_id": "free"}]
    assert after([act("purchase", *lines, transaction_id="t")]).spent == 119.9


def test_a_purchase_in_the_store_takes_only_what_was_bought_from_the_cart() -> None:
    acts = [act("add_to_cart", SNEAKER, LAMP), act("store_purchase", SNEAKER, transaction_id="t")]
    assert quantities(after(acts)) == {hash48("lamp"): 1}


def test_refunds_and_returns_undo_a_purchase() -> None:
    state = after([act("purchase", SNEAKER, BOOT, transaction_id="t", value=180)])
    state = after([act("refund", SNEAKER, transaction_id="t", value=60)], state)
    assert (state.spent, [line.key for line in state.bought]) == (120.0, [hash48("boot")])
    state = after([act("return_completed", BOOT), act("refund", transaction_id="t", value=999)], state)
    assert (state.spent, state.bought, state.orders) == (0.0, (), 1)


def test_a_cart_found_by_a_later_session_was_left() -> None:
    state = after([act("add_to_cart", LAMP), act("page_view", at=20 * MINUTE), act("page_view", at=2 * HOUR)])
    assert state.carts_left == 1
    assert after([act("page_view", at=8 * HOUR)], state).carts_left == 2
