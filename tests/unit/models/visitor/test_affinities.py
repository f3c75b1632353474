"""Affinities: what fold learns from the items of an event."""

from __future__ import annotations

from math import log1p

import pytest

from models.visitor.affinities import price_band
from schemas.ids import hash32
from tests.unit.models.visitor.folding import BOOT, DAY, LAMP, SNEAKER, act, after


def test_a_view_counts_for_every_attribute_of_the_item() -> None:
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


def test_a_category_page_is_an_interest() -> None:
    state = after([act("page_view", category="lamps")])
    assert state.categories == state.now_categories == {hash32("lamps"): 0.5}


def test_a_new_interest_enters_full_affinities() -> None:
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


def test_purchases_keep_slow_affinities_of_their_own() -> None:
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
