"""The context of a page: what was requested, what of the visitor may be used, what the page is about.

It is computed before anything is ranked and holds the candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import CandidateRequest, Candidates, anchor_rows, propose_all
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
        previous: The content that the visitor was shown last; None for none.
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
        why: ok when the state is used; else consent or cold_start (see `personalizable_state`).
        plan: The page's slots and modules.
        rules: The merchandisers' rules of the page at the moment.
        candidates: What may be ranked.
        anchor: The row that the page, or else the visitor's last view, is about; -1 for none.
        focus: hash32 of the page's category, else of the visitor's strongest one, else of the most popular
            item's; 0 for none.
        latest: hash32 of the category of the anchor; on a category page, and without an anchor, `focus`.
        recent: Rows viewed, newest first, that rules allow.
        cart: Rows in the cart that rules allow.
        owned: Rows bought already; -1 for one that left the catalogue.
        anchors: int32[rows] that the page is about, best first.
        query: The text of a search page, else "".
    """

    request: PageRequest
    state: VisitorState
    why: Reason
    plan: PagePlan
    rules: PageRules
    candidates: Candidates
    anchor: int
    focus: int
    latest: int
    recent: list[int]
    cart: list[int]
    owned: list[int]
    anchors: NDArray[np.int32]
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
    used = [personalizable_state(request.state) for request in requests]
    anchors = [
        anchor_rows(table, request.page, item=request.item, category=request.category, q=request.q)
        for request in requests
    ]
    wanted = [
        CandidateRequest(state, request.page, rows)
        for request, (state, _), rows in zip(requests, used, anchors, strict=True)
    ]
    proposed = propose_all(table, wanted, at)
    return [
        _build_context(shop, request, state_and_why, rows, candidates, at)
        for request, state_and_why, rows, candidates in zip(requests, used, anchors, proposed, strict=True)
    ]


def _build_context(
    shop: Shop,
    request: PageRequest,
    state_and_why: tuple[VisitorState, Reason],
    anchors: NDArray[np.int32],
    candidates: Candidates,
    at: float,
) -> PageContext:
    state, why = state_and_why
    rules = page_rules(shop.view.rules, request.page, at)
    find = shop.items.row_by_key.get
    cart = [find(line.key, -1) for line in state.cart]
    anchor = _anchor_of(request, candidates, anchors, cart)
    focus = _focus_category(shop, request, state, anchor)
    return PageContext(
        request=request,
        state=state,
        why=why,
        plan=shop.storefront.pages[request.page],
        rules=rules,
        candidates=candidates,
        anchor=anchor,
        focus=focus,
        latest=focus if anchor < 0 or request.page == "category" else _category_of(shop.view, anchor),
        recent=_allowed_rows(candidates.recent, rules),
        cart=_allowed_rows(cart, rules),
        owned=[find(bought.key, -1) for bought in state.bought],
        anchors=anchors,
        query=request.q if request.page == "search" and request.q else "",
    )


def personalizable_state(state: VisitorState) -> tuple[VisitorState, Reason]:
    """What of a state may and can be used for a page.

    Returns:
        (state, ok) when it may be used and says anything; (EMPTY, consent) when the visitor refused
        personalization; (EMPTY, cold_start) when it holds no view, category, cart line, purchase, wishlist
        item or search. A visitor of the last two kinds is a stranger: nothing of them is used.
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


def _anchor_of(
    request: PageRequest, candidates: Candidates, anchors: Sequence[int] | NDArray[np.int32], cart: list[int]
) -> int:
    if request.page == "product":
        return int(anchors[0]) if len(anchors) else -1
    if request.page == "cart":
        return next((row for row in cart if row >= 0), -1)
    return next((row for row in candidates.recent if row >= 0), -1)


def _focus_category(shop: Shop, request: PageRequest, state: VisitorState, anchor: int) -> int:
    """hash32 of the page's category, else of the session's strongest, else of the strongest of all time, else
    of the most popular item's; 0 for none."""
    table = shop.items
    names = shop.view.category_names
    if request.page == "category" and request.category is not None:
        key = label_key(request.category)
        return key if key in names else 0
    if request.page in ("product", "cart") and anchor >= 0:
        return _category_of(shop.view, anchor)
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
