"""Recent items, searches, wishlist and time on a page."""

from __future__ import annotations

from schemas.ids import hash32, hash48
from tests.unit.models.visitor.folding import BOOT, LAMP, MINUTE, SNEAKER, act, after


def test_recent_items_newest_first_with_views_and_time() -> None:
    state = after(
        [
            act("view_item", SNEAKER, engagement_time_msec=20_000),
            act("view_item", BOOT, at=30),
            act("view_item", SNEAKER, at=MINUTE, engagement_time_msec=300_000),
        ]
    )
    assert [(item.key, item.views, item.dwell) for item in state.recent] == [
        (hash48("sneaker"), 2, 255),
        (hash48("boot"), 1, 0),
    ]
    assert state.returns_to_item == 1
    assert state.session_views == 3


def test_looking_again_at_the_same_item_is_no_return() -> None:
    state = after([act("view_item", SNEAKER), act("view_item", SNEAKER, at=30)])
    assert state.returns_to_item == 0
    assert state.recent[0].views == 2


def test_twelve_recent_items_are_kept() -> None:
    state = after([act("view_item", {"item_id": f"i{n}"}, at=n) for n in range(20)])
    assert [item.key for item in state.recent] == [hash48(f"i{n}") for n in range(19, 7, -1)]


def test_searches_are_remembered_without_case_and_spacing() -> None:
    terms = ["Red  Shoes", "lamp", " red shoes ", "a", "b", "c"]
    state = after([act("search", search_term=term) for term in terms])
    assert state.searches == tuple(hash32(term) for term in ("c", "b", "a", "red shoes"))


def test_wishes_newest_first() -> None:
    state = after([act("add_to_wishlist", SNEAKER, LAMP), act("add_to_wishlist", SNEAKER)])
    assert state.wishlist == (hash48("sneaker"), hash48("lamp"))


def test_time_on_a_page_is_a_moving_mean() -> None:
    state = after([act("page_view", engagement_time_msec=10_000)])
    assert state.dwell == 10.0
    state = after([act("view_item", LAMP, engagement_time_msec=20_000), act("page_view")], state)
    assert state.dwell == 13.0
    assert after([act("page_view", engagement_time_msec=86_400_000)]).dwell == 600.0
