"""One page for one visitor, before anything is ranked: what was asked, what is known, what it is about."""

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
    """A page wanted for a visitor. `version` is that of `state`; `previous` the content shown last."""

    visitor: VisitorId
    state: VisitorState
    version: Version | None
    page: PageType = "home"
    item: str | None = None
    category: str | None = None
    q: str | None = None
    previous: PackedFills | None = None


class PageContext(Struct, frozen=True, eq=False):
    """`state` is EMPTY when nothing personal may or can be used; `why` says which (ok: it is used).

    `anchor` is the row the page or the visitor's last look is about (-1: none), `focus` the hash32 of the
    category most on the visitor's mind (0: none), `latest` that of the last look (a page's own category comes
    first); `recent` and `cart` are rows that may be shown.
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
    """Rows bought already."""
    anchors: NDArray[np.int32]
    """What the page is about, best first."""
    query: str
    """The words of a search page, else ""."""


def build_context(shop: Shop, request: PageRequest, at: float) -> PageContext:
    """The scene of one ask."""
    return build_contexts(shop, [request], at)[0]


def build_contexts(shop: Shop, requests: Sequence[PageRequest], at: float) -> list[PageContext]:
    """The scenes of asks, with their candidates; a page this storefront does not have raises KeyError."""
    table = shop.items
    used = [personalizable_state(request.state) for request in requests]
    about = [
        anchor_rows(table, request.page, item=request.item, category=request.category, q=request.q)
        for request in requests
    ]
    seeking = [
        CandidateRequest(state, request.page, anchors)
        for request, (state, _), anchors in zip(requests, used, about, strict=True)
    ]
    found = propose_all(table, seeking, at)
    return [
        _build_context(shop, request, known, anchors, candidates, at)
        for request, known, anchors, candidates in zip(requests, used, about, found, strict=True)
    ]


def _build_context(
    shop: Shop,
    request: PageRequest,
    used: tuple[VisitorState, Reason],
    anchors: NDArray[np.int32],
    candidates: Candidates,
    at: float,
) -> PageContext:
    state, why = used
    rules = page_rules(shop.view.rules, request.page, at)
    find = shop.items.row_by_key.get
    cart = [find(line.key, -1) for line in state.cart]
    anchor = _anchor(request, candidates, anchors, cart)
    focus = _focus(shop, request, state, anchor)
    return PageContext(
        request=request,
        state=state,
        why=why,
        plan=shop.storefront.pages[request.page],
        rules=rules,
        candidates=candidates,
        anchor=anchor,
        focus=focus,
        latest=focus if anchor < 0 or request.page == "category" else _category(shop.view, anchor),
        recent=_shown(candidates.recent, rules),
        cart=_shown(cart, rules),
        owned=[find(bought.key, -1) for bought in state.bought],
        anchors=anchors,
        query=request.q if request.page == "search" and request.q else "",
    )


def personalizable_state(state: VisitorState) -> tuple[VisitorState, Reason]:
    """What of a state may and can be used: all (ok) or nothing, and why."""
    if refuses_personalization(state):
        return EMPTY, "consent"
    if state.recent or state.categories or state.cart or state.bought or state.wishlist or state.searches:
        return state, "ok"
    return EMPTY, "cold_start"


def _shown(rows: Sequence[int], rules: PageRules) -> list[int]:
    allowed = rules.allowed
    return [row for row in dict.fromkeys(rows) if row >= 0 and allowed[row]]


def _anchor(
    request: PageRequest, candidates: Candidates, anchors: Sequence[int] | NDArray[np.int32], cart: list[int]
) -> int:
    if request.page == "product":
        return int(anchors[0]) if len(anchors) else -1
    if request.page == "cart":
        return next((row for row in cart if row >= 0), -1)
    return next((row for row in candidates.recent if row >= 0), -1)


def _focus(shop: Shop, request: PageRequest, state: VisitorState, anchor: int) -> int:
    """The page's category; else this session's strongest, else the strongest of all time, else the shop's."""
    table = shop.items
    names = shop.view.category_names
    if request.page == "category" and request.category is not None:
        key = label_key(request.category)
        return key if key in names else 0
    if request.page in ("product", "cart") and anchor >= 0:
        return _category(shop.view, anchor)
    tastes = state.now_categories or state.categories or state.bought_categories
    liked = max((key for key in tastes if key in names), key=lambda key: (tastes[key], -key), default=0)
    if liked or not len(table.by_popularity):
        return liked
    return _category(shop.view, int(table.by_popularity[0]))


def _category(view: StorefrontView, row: int) -> int:
    return view.category_hashes[view.category_codes[row]]
