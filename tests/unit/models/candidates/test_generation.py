"""Candidates: unique, in range, from the sources for the visitor and the page."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec.structs import replace

from models.candidates.generation import (
    CANDIDATES_MAX,
    Candidates,
    Rows,
    candidates_from_rows,
    find_page_rows,
    propose,
)
from models.candidates.sources import SOURCES, source_bit, sources_of
from models.catalog.build import build_items
from models.visitor.state import EMPTY, CartLine
from schemas.ids import hash32, hash48
from schemas.storefront import PAGE_ORDER
from tests.unit.models.shop_fixture import AT, BRANDS, KINDS, N, a_visitor, an_item, shop


def numbers(rows: Rows) -> set[int]:
    return {int(shop().ids[row][1:]) for row in rows}


@for_all(
    st.integers(0, N - 1),
    st.integers(0, 12),
    st.booleans(),
    st.sampled_from(PAGE_ORDER),
    st.integers(1, CANDIDATES_MAX),
)
def test_rows_are_unique_ascending_in_range_and_bounded(
    first: int, seen: int, cart: bool, page: str, limit: int
) -> None:
    table = shop()
    page_rows = find_page_rows(table, page, item="i011", category="part1", q="kind4 thing")
    found = propose(table, a_visitor(first, seen=seen, cart=cart), page, page_rows, AT, limit)
    assert 0 < len(found.rows) <= limit
    assert (np.diff(found.rows) > 0).all()
    assert found.rows[0] >= 0
    assert found.rows[-1] < table.n
    assert (found.sources > 0).all()
    assert (found.sources < 1 << len(SOURCES)).all()


def test_a_new_visitor_has_choice_too() -> None:
    found = propose(shop(), EMPTY, "home", (), AT)
    assert 60 <= len(found.rows) <= 140
    assert found.anchor_row == -1
    assert len(found.of("trending")) == 20
    assert len(found.of("popular")) >= 60
    assert len(found.of("neighbours")) == 0


def test_home_proposes_what_views_lead_to() -> None:
    state = a_visitor(5)
    found = propose(shop(), state, "home", (), AT)
    assert numbers(found.of("recent")) == {5 + KINDS * step for step in range(6)}
    assert shop().ids[found.anchor_row] == "i005"
    assert {6, 7, 8, 18} <= numbers(found.of("neighbours"))
    assert {number % KINDS for number in numbers(found.of("category_taste"))} == {5}
    liked_brands = {(5 + KINDS * step) % BRANDS for step in range(4)}
    assert {number % BRANDS for number in numbers(found.of("brand_taste"))} <= liked_brands
    assert numbers(found.of("bought_together")) == {8, 17, 29}
    assert max(numbers(found.of("new"))) <= 45
    rows = found.of("step_up")
    assert (shop().price[rows] > 15.0 * 1.1).all()


def test_a_session_that_is_over_no_longer_counts_as_now() -> None:
    state = replace(a_visitor(5), categories={}, brands={}, recent=(), cart=(), bought=())
    assert len(propose(shop(), state, "home", (), AT).of("category_taste"))
    assert not len(propose(shop(), state, "home", (), AT + 7200).of("category_taste"))


def test_a_product_page_is_about_its_item_and_does_not_offer_it() -> None:
    table = shop()
    row = table.row_of("i100")
    found = propose(table, a_visitor(5), "product", find_page_rows(table, "product", item="i100"), AT)
    assert found.anchor_row == row
    assert row not in found.rows
    assert {101, 102, 103, 112, 124} <= numbers(found.of("neighbours"))
    assert {103, 112, 124} <= numbers(found.of("bought_together"))
    assert 100 % KINDS in {number % KINDS for number in numbers(found.of("category_taste"))}


def test_a_cart_page_takes_the_cart_of_the_state() -> None:
    found = propose(shop(), a_visitor(5), "cart", (), AT)
    assert shop().row_of("i005") not in found.rows
    assert numbers(found.of("bought_together")) == {8, 17, 29}


def test_category_and_search_pages_offer_their_subject() -> None:
    table = shop()
    rows = find_page_rows(table, "category", category="kind3")
    found = propose(table, EMPTY, "category", rows, AT)
    assert set(found.of("subject")) == set(table.rows_in_category(hash32("kind3")))
    found = propose(table, EMPTY, "search", find_page_rows(table, "search", q="brand4"), AT)
    assert {number % BRANDS for number in numbers(found.of("subject"))} == {4}


@pytest.mark.parametrize("page", PAGE_ORDER)
def test_unknown_subjects_still_give_candidates(page: str) -> None:
    page_rows = find_page_rows(shop(), page, item="gone", category="gone", q="zzz")
    assert len(page_rows) == 0
    assert len(propose(shop(), EMPTY, page, page_rows, AT).rows) > 50


def test_items_that_left_the_catalogue_are_passed_over() -> None:
    cart = (CartLine(hash48("gone"), 0, 1, 1.0),)
    state = a_visitor(5)
    gone = replace(EMPTY, at=state.at, recent=state.recent[:1], cart=cart, wishlist=(7, hash48("i001")))
    found = propose(shop(), gone, "home", (), AT)
    assert numbers(found.of("wishlist")) == {1}


def test_a_tiny_and_an_empty_shop() -> None:
    tiny = build_items([an_item(1), an_item(2)], {}, AT)
    assert propose(tiny, EMPTY, "home", (), AT).rows.tolist() == [0, 1]
    assert len(propose(build_items([], {}, AT), a_visitor(), "home", (), AT).rows) == 0


def test_given_rows_are_kept_once() -> None:
    found = candidates_from_rows(shop(), a_visitor(5), [9, 3, 9, -1])
    assert found.rows.tolist() == [3, 9]
    assert isinstance(found, Candidates)
    assert sources_of(int(found.sources[0])) == ["given"]
    assert sources_of(source_bit("recent") | source_bit("new")) == ["new", "recent"]
