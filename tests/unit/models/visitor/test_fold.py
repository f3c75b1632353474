"""Fold as a whole: every event has a handler, retries count once, and what each event weighs."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from models.visitor.fold import HANDLERS
from schemas.events import KnownEvent
from schemas.ids import hash32
from tests.unit.models.visitor.folding import BOOT, HOUR, LAMP, MINUTE, SNEAKER, act, after


def test_every_event_has_its_handler() -> None:
    assert set(HANDLERS) == set(get_args(KnownEvent))


def test_a_clients_retry_counts_once_within_sixteen_messages_and_an_hour() -> None:
    once = after([act("view_item", LAMP) | {"message_id": "same"}])
    twice = after([act("view_item", BOOT) | {"message_id": "same"}], once)
    assert msgspec.structs.replace(twice, offset=once.offset) == once
    assert twice.offset == once.offset + 1
    before = after([act("page_view")] * 16, once)
    for late, views in ((HOUR, 1), (HOUR + MINUTE, 2)):
        again = after([act("view_item", LAMP) | {"message_id": "same"}], before, late)
        assert again.recent[0].views == views


@pytest.mark.parametrize("name", ["login", "sign_up", "chat_started", "support_contacted", "store_visit"])
def test_contacts_count_and_teach_nothing(name: str) -> None:
    state = after([act(name, SNEAKER)])
    assert (state.events, state.sessions, state.categories) == (1, 1, {})


@pytest.mark.parametrize(
    ("name", "more", "weight"),
    [
        ("select_item", {}, 0.5), ("view_item", {}, 1.0), ("add_to_wishlist", {}, 2.0), ("share", {}, 2.0),
        ("tryon_started", {}, 2.0), ("add_to_cart", {}, 3.0), ("purchase", {"transaction_id": "t"}, 4.0),
        ("store_purchase", {"transaction_id": "t"}, 4.0), ("social_engaged", {}, 2.0),
        ("review_submitted", {"rating": 5}, 2.0), ("review_submitted", {"rating": 2}, None),
        ("remove_from_cart", {}, None), ("view_item_list", {}, None), ("view_cart", {}, None),
    ],
)  # fmt: skip
def test_each_event_has_its_gain(name: str, more: dict[str, Any], weight: float | None) -> None:
    state = after([act(name, SNEAKER, **more)])
    expected = None if weight is None else pytest.approx(weight, rel=0.02)  # a step is 3.5 % wide
    assert state.categories.get(hash32("sneakers")) == expected
