"""The context of a page: what was requested, what of the visitor may be used, what the page is about.

It is computed before anything is ranked and holds the candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import CandidateRequest, Candidates, find_page_rows, propose_all
from models.layout.fills import PackedFills
from models.storefront.index import PagePlan
from models.storefront.rules import PageRules, page_rules
from models.storefront.shop import Shop
from models.storefront.view import StorefrontView
from models.visitor.affinities import label_key
from models.visitor.state import EMPTY, VisitorState, refuses_personalization
from schemas.ids import Version, VisitorId
from schemas.layouts import Reason
from schemas.storefront import PageType


class PageRequest(Struct, frozen=True, kw_only=True):
    """A page wanted for a visitor.

    Attributes:
        visitor: For whom.
        state: The visitor's state; EMPTY for one who has none.
        version: The version of `state`; None without a state.
        page: The page type.
        item: Item id that a product page is about.
        category: Category name that a category page is about.
        q: Search text of a search page.
        previous: The fills shown last; None for none.
    """

    visitor: VisitorId
    state: VisitorState
    version: Version | None
    page: PageType = "home"
    item: str | None = None
    category: str | None = None
    q: str | None = None
    previous: PackedFills | None = None


class PageContext(Struct, frozen=True, eq=False):
    """One page for one visitor, before anything is ranked. Rows are item rows of the Shop.

    Attributes:
        request: What was requested.
        state: The part of the visitor's state that is used: all of it, or EMPTY.
        state_reason: ok when the state is used; else consent or cold_start (see `personalizable_state`).
        plan: The page's slots and modules.
        rules: The merchandisers' rules of the page at the moment.
        candidates: What may be ranked.
        anchor_row: The row that the page, or else the visitor's last view, is about; -1 for none.
        focus_category: hash32 of the page's category, else of the visitor's strongest one, else of the most
            popular item's; 0 for none.
        anchor_category: hash32 of the anchor row's category; `focus_category` on a category page and without
            an anchor row.
        recent: Rows viewed, newest first, that rules allow.
        cart: Rows in the cart that rules allow.
        owned: Rows bought already; -1 for one that left the catalogue.
        page_rows: int32[rows] that the page is about (`find_page_rows`), best first.
        query: The text of a search page (`request.q`), else "".
    """

    request: PageRequest
    state: VisitorState
    state_reason: Reason
    plan: PagePlan
    rules: PageRules
    candidates: Candidates
    anchor_row: int
    focus_category: int
    anchor_category: int
    recent: list[int]
    cart: list[int]
    owned: list[int]
    page_rows: NDArray[np.int32]
    query: str


def build_context(shop: Shop, request: PageRequest, at: float) -> PageContext:
    """The context of one request; see `build_contexts`."""
    return build_contexts(shop, [request], at)[0]


def build_contexts(shop: Shop, requests: Sequence[PageRequest], at: float) -> list[PageContext]:
    """The contexts of many requests, with their candidates.

    Args:
        shop: Items and storefront.
        requests: The pages wanted.
        at: Now, epoch seconds.

    Returns:
        A context for each request, in order.

    Raises:
        KeyError: A page type that the storefront does not have.

    Complexity: That of `propose_all`, and O(1) look-ups a request.
    """
    table = shop.items
    states = [personalizable_state(request.state) for request in requests]
    page_rows = [
        find_page_rows(table, request.page, item=request.item, category=request.category, q=request.q)
        for request in requests
    ]
    candidate_requests = [
        CandidateRequest(state, request.page, rows)
        for request, (state, _), rows in zip(requests, states, page_rows, strict=True)
    ]
    candidates = propose_all(table, candidate_requests, at)
    return [
        _build_context(shop, request, state_and_reason, rows, proposed, at)
        for request, state_and_reason, rows, proposed in zip(
            requests, states, page_rows, candidates, strict=True
        )
    ]


def _build_context(
    shop: Shop,
    request: PageRequest,
    state_and_reason: tuple[VisitorState, Reason],
    page_rows: NDArray[np.int32],
    candidates: Candidates,
    at: float,
) -> PageContext:
    state, state_reason = state_and_reason
    rules = page_rules(shop.view.rules, request.page, at)
    find = shop.items.row_by_key.get
    cart = [find(line.key, -1) for line in state.cart]
    anchor_row = _anchor_row(request, candidates, page_rows, cart)
    focus = _focus_category(shop, request, state, anchor_row)
    listing = anchor_row < 0 or request.page == "category"
    return PageContext(
        request=request,
        state=state,
        state_reason=state_reason,
        plan=shop.storefront.pages[request.page],
        rules=rules,
        candidates=candidates,
        anchor_row=anchor_row,
        focus_category=focus,
        anchor_category=focus if listing else _category_of(shop.view, anchor_row),
        recent=_allowed_rows(candidates.recent, rules),
        cart=_allowed_rows(cart, rules),
        owned=[find(bought.key, -1) for bought in state.bought],
        page_rows=page_rows,
        query=request.q if request.page == "search" and request.q else "",
    )


def personalizable_state(state: VisitorState) -> tuple[VisitorState, Reason]:
    """What of a state may and can be used for a page.

    Returns:
        (state, ok) if consent allows it and it holds at least one signal; (EMPTY, consent) when the visitor
        refused personalization; (EMPTY, cold_start) when it holds no view, category, cart line, purchase,
        wishlist item or search. A visitor of the last two kinds is a stranger: nothing of them is used.
    """
    if refuses_personalization(state):
        return EMPTY, "consent"
    if state.recent or state.categories or state.cart or state.bought or state.wishlist or state.searches:
        return state, "ok"
    return EMPTY, "cold_start"


def _allowed_rows(rows: Sequence[int], rules: PageRules) -> list[int]:
    """Each row once, without -1 and without those that rules remove."""
    allowed = rules.allowed
    return [row for row in dict.fromkeys(rows) if row >= 0 and allowed[row]]


def _anchor_row(
    request: PageRequest, candidates: Candidates, page_rows: NDArray[np.int32], cart: list[int]
) -> int:
    if request.page == "product":
        return int(page_rows[0]) if len(page_rows) else -1
    if request.page == "cart":
        return next((row for row in cart if row >= 0), -1)
    return next((row for row in candidates.recent if row >= 0), -1)


def _focus_category(shop: Shop, request: PageRequest, state: VisitorState, anchor_row: int) -> int:
    """hash32 of the page's category, else of the session's strongest, else of the strongest long-term, else
    of the most popular item's; 0 for none."""
    table = shop.items
    names = shop.view.category_names
    if request.page == "category" and request.category is not None:
        key = label_key(request.category)
        return key if key in names else 0
    if request.page in ("product", "cart") and anchor_row >= 0:
        return _category_of(shop.view, anchor_row)
    affinities = state.now_categories or state.categories or state.bought_categories
    strongest = max(
        (key for key in affinities if key in names), key=lambda key: (affinities[key], -key), default=0
    )
    if strongest or not len(table.by_popularity):
        return strongest
    return _category_of(shop.view, int(table.by_popularity[0]))


def _category_of(view: StorefrontView, row: int) -> int:
    """hash32 of the finest category of a row."""
    return view.category_hashes[view.category_codes[row]]
