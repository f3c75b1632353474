"""Cart, purchases, promotions, channels, consent: what fold remembers of a visitor's acts."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from models.visitor.fold import HANDLERS
from models.visitor.state import EMPTY, StateChanges, VisitorState, read_consent, refuses_personalization
from schemas.events import KnownEvent
from schemas.ids import hash32, hash48
from tests.unit.models.visitor.folding import BOOT, HOUR, LAMP, MINUTE, MORNING, SNEAKER, act, after


def quantities(state: VisitorState) -> dict[int, int]:
    return {line.key: line.quantity for line in state.cart}


def test_every_event_has_its_act() -> None:
    assert set(HANDLERS) == set(get_args(KnownEvent))


def test_changes_have_the_names_and_types_of_the_state() -> None:
    assert get_type_hints(StateChanges) == get_type_hints(VisitorState)


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


def test_wishes_newest_first() -> None:
    state = after([act("add_to_wishlist", SNEAKER, LAMP), act("add_to_wishlist", SNEAKER)])
    assert state.wishlist == (hash48("sneaker"), hash48("lamp"))


def test_channels_and_devices_are_counted() -> None:
    state = after(
        [
            act("page_view", envelope={"context": {"device": "mobile"}}),
            act("email_opened", envelope={"channel": "email"}),
            act("store_visit", envelope={"channel": "store"}),
        ]
    )
    assert state.channels == (1, 0, 1, 0, 0, 1)
    assert state.devices == (0, 1, 0, 0, 0)


def test_a_full_count_halves_and_keeps_the_mix() -> None:
    state = after([act("page_view")] * 255 + [act("page_view", envelope={"channel": "app"})] * 100)
    assert state.channels == (255, 100, 0, 0, 0, 0)
    assert after([act("page_view")], state).channels == (128, 50, 0, 0, 0, 0)


def test_promotions_met_and_answered() -> None:
    deal: dict[str, Any] = {"tactic": "discount"}
    acts = ["view_promotion", "module_viewed", "select_promotion", "email_opened", "email_clicked"]
    state = after([act(name, **deal) for name in acts])
    assert state.promotions == {hash32("discount"): (3, 2)}
    many = after([act("view_promotion", promotion_id=f"p{n}") for n in range(9)], state)
    assert list(many.promotions) == [hash32(f"p{n}") for n in range(3, 9)]


def test_dismissed_modules_and_shares() -> None:
    state = after(
        [act("module_dismissed", envelope={"module_id": name}) for name in "abcdea"] + [act("share", LAMP)]
    )
    assert state.dismissed == tuple(hash32(name) for name in "aedc")
    assert state.shares == 1


def test_consent_newest_answer_of_each_purpose() -> None:
    assert not refuses_personalization(EMPTY)
    no = after([act("consent_updated", purposes={"personalization": False, "ads": True, "odd": True})])
    assert refuses_personalization(no)
    assert read_consent(no, "ads") is True
    assert read_consent(no, "analytics") is None
    context = {"context": {"consent": {"personalization_storage": True}}}
    yes = after([act("page_view", envelope=context)], no)
    assert not refuses_personalization(yes)
    assert read_consent(yes, "ads") is True


def test_a_clients_retry_counts_once_within_sixteen_messages() -> None:
    once = after([act("view_item", LAMP) | {"message_id": "same"}])
    twice = after([act("view_item", BOOT) | {"message_id": "same"}], once)
    assert msgspec.structs.replace(twice, offset=once.offset) == once
    assert twice.offset == once.offset + 1
    long_ago = after([act("page_view")] * 16, once)
    assert after([act("view_item", LAMP) | {"message_id": "same"}], long_ago).recent[0].views == 2


@pytest.mark.parametrize("name", ["login", "sign_up", "chat_started", "support_contacted", "store_visit"])
def test_contacts_count_and_teach_nothing(name: str) -> None:
    state = after([act(name, SNEAKER)])
    assert (state.events, state.sessions, state.categories) == (1, 1, {})
