"""Features: each value by a plain recomputation, the same alone and in a batch, and the fingerprint."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec.structs import replace

from models.candidates.generation import candidates_from_rows, propose
from models.catalog.build import build_items
from models.features.feature_rows import Feature
from models.features.index import index_features
from models.features.item import RATE_PRIOR
from models.features.spec import FINGERPRINT, NAMES, SPEC, Batch, fingerprint, matrix, vectorize
from models.ranking.ranker import split_by_visitor
from models.visitor.state import EMPTY, VisitorState
from schemas.ids import hash32, hash48
from tests.unit.models.shop_fixture import AT, KINDS, N, a_visitor, shop

INDEX = index_features(shop())


def value(state: VisitorState, number: int, name: str, page: str = "home", at: float = AT) -> float:
    """One feature of one item."""
    table = shop()
    row = table.row_of(f"i{number:03}")
    batch = Batch(INDEX, [state], [candidates_from_rows(table, state, [row])], [page], at)
    return float(matrix(batch)[0, NAMES.index(name)])


def test_at_least_thirty_features_with_names_of_their_own() -> None:
    assert len(SPEC) >= 30
    assert len(set(NAMES)) == len(SPEC)
    assert {feature.group for feature in SPEC} == {"item", "visitor", "affinity", "interaction", "gap"}


def test_the_fingerprint_sees_names_versions_and_order() -> None:
    assert fingerprint(SPEC) == FINGERPRINT
    first, second, *rest = SPEC
    newer = Feature(first.name, first.version + 1, first.group)
    assert len({FINGERPRINT, fingerprint([second, first, *rest]), fingerprint([newer, second, *rest])}) == 3


visitor_sets = st.lists(
    st.builds(
        lambda first, seen, cart, cold: EMPTY if cold else a_visitor(first, seen=seen, cart=cart),
        st.integers(0, N - 1),
        st.integers(0, 12),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@for_all(visitor_sets, st.sampled_from(["home", "product", "category"]))
def test_a_batch_is_its_visitors_side_by_side(states: list[VisitorState], page: str) -> None:
    table = shop()
    found = [propose(table, state, page, [3], AT) for state in states]
    together = Batch(INDEX, states, found, [page] * len(states), AT)
    parts = split_by_visitor(matrix(together), together.counts)
    for state, one, part in zip(states, found, parts, strict=True):
        alone = matrix(Batch(INDEX, [state], [one], [page], AT))
        assert np.array_equal(alone, part)
        assert np.isfinite(part).all()


def test_item_features_come_from_columns() -> None:
    table = shop()
    assert value(EMPTY, 25, "item_log_trend") == pytest.approx(math.log1p(25 % 13))
    assert value(EMPTY, 25, "item_newness") == pytest.approx(0.5 ** (25 / 30))
    assert value(EMPTY, 25, "item_log_stock") == pytest.approx(math.log1p(25 % 7) / 5)
    below = sum(1 for other in range(N) if other % 29 < 25)
    assert value(EMPTY, 25, "item_popularity_rank") == pytest.approx(below / N)
    kin = [other for other in range(N) if other % KINDS == 1]
    assert value(EMPTY, 25, "item_category_rank") == pytest.approx(
        sum(1 for other in kin if other % 29 < 25) / len(kin)
    )
    prior = float(table.carts.sum() / table.popularity.sum())
    rate = (25 % 4 + RATE_PRIOR * prior) / (25 % 29 + RATE_PRIOR)
    assert value(EMPTY, 25, "item_cart_rate") == pytest.approx(math.log1p(10 * rate), rel=1e-5)
    mean = sum(math.log1p(10.0 + other % 50) for other in kin) / len(kin)
    assert value(EMPTY, 25, "item_price_in_category") == pytest.approx(math.log1p(35) - mean, abs=1e-5)


def test_affinities_are_shares_and_fade() -> None:
    state = a_visitor(5)
    liked = state.categories[hash32("kind5")]
    fade = 0.5 ** (20 / (20 * 86_400))
    assert value(state, 17, "category_taste") == pytest.approx(liked * fade / (liked * fade + 1), rel=1e-4)
    assert value(state, 18, "category_taste") == 0.0
    assert value(state, 2, "family_taste") == pytest.approx(value(state, 17, "category_taste"))
    now = value(state, 17, "category_now")
    later = value(state, 17, "category_now", at=AT + 1200)
    assert 0.9 * now / 2 < later < now
    assert value(state, 1, "colour_taste") > value(state, 2, "colour_taste") == 0.0
    band = shop().price_band[17]
    assert (value(state, 17, "price_band_taste") > 0) == (int(band) == 8)


def test_interactions_with_single_items() -> None:
    state = replace(a_visitor(5), wishlist=(hash48("i042"),))
    assert value(state, 17, "viewed") == pytest.approx(math.log(2))
    assert value(state, 17, "view_recency") == pytest.approx(0.5 ** (50 / 1800), rel=1e-4)
    assert value(state, 18, "viewed") == 0.0
    assert (value(state, 5, "in_cart"), value(state, 17, "in_cart")) == (1.0, 0.0)
    assert (value(state, 42, "wishlisted"), value(state, 7, "bought"), value(state, 8, "bought")) == (1, 1, 0)


def test_bought_twice_is_bought() -> None:
    state = a_visitor(5)
    assert value(replace(state, bought=state.bought * 3), 7, "bought") == 1.0


def test_neighbours_count_by_their_share_of_co_views() -> None:
    table, state = shop(), a_visitor(5, seen=2)
    shares = zip(table.co_viewed[5].tolist(), table.co_viewed_weight[5].tolist(), strict=True)
    near = {row: math.sqrt(share) for row, share in shares}
    shares = zip(table.co_viewed[17].tolist(), table.co_viewed_weight[17].tolist(), strict=True)
    second = {row: math.sqrt(share) for row, share in shares}
    assert value(state, 6, "co_view_anchor") == pytest.approx(near[6])
    assert value(state, 17, "co_view_recent") == pytest.approx(near[17])
    assert value(state, 29, "co_view_recent") == pytest.approx(near[29] + 0.7 * second[29])
    assert value(state, 17, "co_buy") == pytest.approx(math.sqrt(table.co_bought_weight[5, 1]))
    without = replace(state, cart=())
    assert value(without, 10, "co_buy") > 0 == value(state, 10, "co_buy")


def test_gaps_to_the_usual_price_and_the_anchor() -> None:
    state = a_visitor(5)
    trust = state.price_weight / (state.price_weight + 1)
    gap = (math.log1p(27) - 3.5) * trust
    assert value(state, 17, "price_gap") == pytest.approx(gap, rel=1e-4)
    assert value(state, 17, "price_distance") == pytest.approx(abs(gap), rel=1e-4)
    assert value(state, 17, "anchor_price_gap") == pytest.approx(math.log1p(27) - math.log1p(15), rel=1e-4)
    assert value(state, 17, "anchor_same_category") == 1.0
    assert value(state, 14, "anchor_same_brand") == 1.0
    assert value(EMPTY, 17, "price_gap") == value(EMPTY, 17, "anchor_price_gap") == 0.0


def test_features_of_the_visitor_and_the_page() -> None:
    state = a_visitor(5)
    assert (value(EMPTY, 1, "visitor_is_cold"), value(state, 1, "visitor_is_cold")) == (1.0, 0.0)
    assert value(state, 1, "session_log_age") == pytest.approx(math.log1p(5) / 4)
    assert value(state, 1, "visitor_mobile") == 1.0
    assert value(replace(state, channels=(1, 3, 0, 0, 0, 0)), 1, "visitor_off_web") == 0.75
    assert value(state, 1, "page_listing", page="search") == 1.0
    assert value(state, 1, "page_product", page="search") == 0.0


def test_a_clock_behind_the_state_is_taken_as_the_states_own() -> None:
    state = a_visitor(5)
    assert value(state, 17, "category_now", at=0.0) == value(state, 17, "category_now", at=float(state.at))


def test_an_empty_shop_and_no_visitors_fill_nothing() -> None:
    table = build_items([], {}, AT)
    out = matrix(Batch(index_features(table), [EMPTY], [propose(table, EMPTY)], ["home"], AT))
    assert out.shape == (0, len(SPEC))
    vectorize(Batch(INDEX, [], [], [], AT), np.empty((0, len(SPEC)), np.float32))
