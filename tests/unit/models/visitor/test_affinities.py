"""What fold learns of a visitor's taste."""

from __future__ import annotations

from math import log1p
from typing import Any

import pytest

from models.visitor.affinities import price_band
from schemas.ids import hash32, hash48
from tests.unit.models.visitor.folding import BOOT, DAY, LAMP, MINUTE, SNEAKER, act, after


def test_a_view_speaks_for_every_side_of_the_item() -> None:
    state = after([act("view_item", SNEAKER)])
    assert state.categories == state.now_categories == {hash32("sneakers"): 1.0}
    assert state.brands == state.now_brands == {hash32("Arvo"): 1.0}
    assert state.colours == {hash32("white"): 1.0}
    assert state.sizes == {hash32("39"): 1.0}
    assert state.price_bands == {price_band(59.95): 1.0}
    assert state.price == pytest.approx(log1p(59.95), abs=1e-3)
    assert state.price_weight == 1.0


def test_the_finest_category_counts() -> None:
    item = SNEAKER | {"item_category3": "trail", "item_category5": "trail women"}
    assert list(after([act("view_item", item)]).categories) == [hash32("trail women")]
    assert after([act("view_item", {"item_id": "bare"})]).categories == {}


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
def test_acts_weigh_what_they_say(name: str, more: dict[str, Any], weight: float | None) -> None:
    state = after([act(name, SNEAKER, **more)])
    expected = None if weight is None else pytest.approx(weight, rel=0.02)  # a step is 3.5 % wide
    assert state.categories.get(hash32("sneakers")) == expected


def test_a_category_page_is_an_interest() -> None:
    state = after([act("page_view", category="lamps")])
    assert state.categories == state.now_categories == {hash32("lamps"): 0.5}


def test_a_new_interest_enters_a_full_taste() -> None:
    kinds = [{"item_id": "x", "item_category": f"kind {n}"} for n in range(9)]
    state = after([act("view_item", kind) for kind in kinds[:8] for _ in range(2)])
    assert len(state.categories) == 8
    state = after([act("view_item", kinds[8])], state)
    assert len(state.categories) == 8
    assert state.categories[hash32("kind 8")] == 1.0


def test_the_usual_price_follows_what_is_looked_at() -> None:
    state = after([act("view_item", SNEAKER | {"price": 100})] * 3 + [act("view_item", LAMP)])
    assert state.price == pytest.approx((3 * log1p(100) + log1p(30)) / 4, abs=0.05)
    assert state.bought_price == 0.0


def test_purchases_keep_a_slow_taste_of_their_own() -> None:
    bought = after([act("purchase", BOOT, transaction_id="t")])
    assert bought.bought_price == pytest.approx(log1p(120), abs=1e-3)
    assert bought.bought_categories == {hash32("boots"): 1.0}
    later = after([act("view_item", SNEAKER, at=120 * DAY)], bought)
    assert later.bought_categories[hash32("boots")] == pytest.approx(0.5, rel=0.05)
    assert later.categories[hash32("boots")] < 0.1


def test_price_bands_rise_with_the_price() -> None:
    prices = [0, 0.5, 1, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 1e9]
    bands = [price_band(price) for price in prices]
    assert bands == sorted(bands)
    assert (bands[0], bands[-1]) == (0, 15)
    assert len(set(bands)) > 9


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


def test_time_on_a_page_is_a_moving_mean() -> None:
    state = after([act("page_view", engagement_time_msec=10_000)])
    assert state.dwell == 10.0
    state = after([act("view_item", LAMP, engagement_time_msec=20_000), act("page_view")], state)
    assert state.dwell == 13.0
    assert after([act("page_view", engagement_time_msec=86_400_000)]).dwell == 600.0
