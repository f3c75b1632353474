"""One page for one visitor, before anything is ranked: what was asked, what is known, what it is about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import Candidates, Seeking, anchor_rows, propose_all
from models.layout.fills import Fills
from models.storefront.index import PagePlan
from models.storefront.rules import PageRules, page_rules
from models.storefront.shop import Shop
from models.storefront.view import Window
from models.visitor.affinities import label_key
from models.visitor.state import EMPTY, VisitorState, personalization_refused
from schemas.ids import Version, VisitorId
from schemas.layouts import Reason
from schemas.storefront import PageType


class Ask(Struct, frozen=True, kw_only=True):
    """A page wanted for a visitor. `version` is that of `state`; `previous` the content shown last."""

    visitor: VisitorId
    state: VisitorState
    version: Version | None
    page: PageType = "home"
    item: str | None = None
    category: str | None = None
    q: str | None = None
    previous: Fills | None = None


class Scene(Struct, frozen=True, eq=False):
    """`state` is EMPTY when nothing personal may or can be used; `why` says which (ok: it is used).

    `anchor` is the row the page or the visitor's last look is about (-1: none), `focus` the hash32 of the
    category most on the visitor's mind (0: none), `latest` that of the last look (a page's own category comes
    first); `recent` and `cart` are rows that may be shown.
    """

    ask: Ask
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


def scene_of(shop: Shop, ask: Ask, at: float) -> Scene:
    """The scene of one ask."""
    return scenes_of(shop, [ask], at)[0]


def scenes_of(shop: Shop, asks: Sequence[Ask], at: float) -> list[Scene]:
    """The scenes of asks, with their candidates; a page this storefront does not have raises KeyError."""
    table = shop.items
    used = [usable(ask.state) for ask in asks]
    about = [anchor_rows(table, ask.page, item=ask.item, category=ask.category, q=ask.q) for ask in asks]
    seeking = [
        Seeking(state, ask.page, anchors) for ask, (state, _), anchors in zip(asks, used, about, strict=True)
    ]
    found = propose_all(table, seeking, at)
    return [
        _scene(shop, ask, known, anchors, candidates, at)
        for ask, known, anchors, candidates in zip(asks, used, about, found, strict=True)
    ]


def _scene(
    shop: Shop,
    ask: Ask,
    used: tuple[VisitorState, Reason],
    anchors: NDArray[np.int32],
    candidates: Candidates,
    at: float,
) -> Scene:
    state, why = used
    rules = page_rules(shop.window.rules, ask.page, at)
    find = shop.items.row_by_key.get
    cart = [find(line.key, -1) for line in state.cart]
    anchor = _anchor(ask, candidates, anchors, cart)
    focus = _focus(shop, ask, state, anchor)
    return Scene(
        ask=ask,
        state=state,
        why=why,
        plan=shop.storefront.pages[ask.page],
        rules=rules,
        candidates=candidates,
        anchor=anchor,
        focus=focus,
        latest=focus if anchor < 0 or ask.page == "category" else _category(shop.window, anchor),
        recent=_shown(candidates.recent, rules),
        cart=_shown(cart, rules),
        owned=[find(bought.key, -1) for bought in state.bought],
        anchors=anchors,
        query=ask.q if ask.page == "search" and ask.q else "",
    )


def usable(state: VisitorState) -> tuple[VisitorState, Reason]:
    """What of a state may and can be used: all (ok) or nothing, and why."""
    if personalization_refused(state):
        return EMPTY, "consent"
    if state.recent or state.categories or state.cart or state.bought or state.wishlist or state.searches:
        return state, "ok"
    return EMPTY, "cold_start"


def _shown(rows: Sequence[int], rules: PageRules) -> list[int]:
    allowed = rules.allowed
    return [row for row in dict.fromkeys(rows) if row >= 0 and allowed[row]]


def _anchor(
    ask: Ask, candidates: Candidates, anchors: Sequence[int] | NDArray[np.int32], cart: list[int]
) -> int:
    if ask.page == "product":
        return int(anchors[0]) if len(anchors) else -1
    if ask.page == "cart":
        return next((row for row in cart if row >= 0), -1)
    return next((row for row in candidates.recent if row >= 0), -1)


def _focus(shop: Shop, ask: Ask, state: VisitorState, anchor: int) -> int:
    """The page's category; else this session's strongest, else the strongest of all time, else the shop's."""
    table = shop.items
    names = shop.window.category_names
    if ask.page == "category" and ask.category is not None:
        key = label_key(ask.category)
        return key if key in names else 0
    if ask.page in ("product", "cart") and anchor >= 0:
        return _category(shop.window, anchor)
    tastes = state.now_categories or state.categories or state.bought_categories
    liked = max((key for key in tastes if key in names), key=lambda key: (tastes[key], -key), default=0)
    if liked or not len(table.by_popularity):
        return liked
    return _category(shop.window, int(table.by_popularity[0]))


def _category(window: Window, row: int) -> int:
    return window.category_hashes[window.category_codes[row]]
