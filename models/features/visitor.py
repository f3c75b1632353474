"""Visitor features: numbers of the visitor and the page, the same for all of a visitor's candidates.

Each is a plain function of one visitor, not a column: batches of a few visitors are the rule, and for them
ten numpy calls cost more than all the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from math import log1p

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.visitor.state import VisitorState

LISTING_PAGES = ("category", "search")
SESSION_MAX_S = 86_400.0


class PageVisit(Struct, frozen=True, gc=False):
    """A visitor on a page at a moment.

    Attributes:
        state: The visitor's state.
        page: The page type.
        since: Seconds from the state's last event to now; 0 for a state without events.
        session_age: Seconds from the session's start to now, at most SESSION_MAX_S; 0 without events.
    """

    state: VisitorState
    page: str
    since: float
    session_age: float


class VisitorFeature(Struct, frozen=True):
    """A number of one visitor on a page; a change of meaning raises `version`."""

    name: str
    version: int
    compute: Callable[[PageVisit], float]


VISITOR_FEATURES: tuple[VisitorFeature, ...] = (
    VisitorFeature("visitor_is_cold", 1, lambda v: not v.state.events),
    VisitorFeature("visitor_log_events", 1, lambda v: log1p(min(v.state.events, 500)) / 4),
    VisitorFeature("visitor_log_orders", 1, lambda v: log1p(min(v.state.orders, 20))),
    VisitorFeature("visitor_mobile", 1, lambda v: _share(v.state.devices, v.state.devices[1])),
    VisitorFeature("visitor_off_web", 1, lambda v: _share(v.state.channels, sum(v.state.channels[1:]))),
    VisitorFeature("session_log_views", 1, lambda v: log1p(min(v.state.session_views, 100)) / 3),
    VisitorFeature("session_log_age", 1, lambda v: log1p(v.session_age / 60.0) / 4),
    VisitorFeature("page_product", 1, lambda v: v.page == "product"),
    VisitorFeature("page_listing", 1, lambda v: v.page in LISTING_PAGES),
    VisitorFeature("page_cart", 1, lambda v: v.page == "cart"),
)
"""Caps and divisors are own choices, not tuned: they bring counts and minutes to the scale of shares."""
_FUNCTIONS = tuple(feature.compute for feature in VISITOR_FEATURES)


def _share(counts: Sequence[int], part: int) -> float:
    """`part` over the sum of `counts`; 0 when nothing was counted."""
    return part / max(sum(counts), 1)


def page_visits(states: Iterable[VisitorState], pages: Iterable[str], at: Iterable[float]) -> list[PageVisit]:
    """One PageVisit for each visitor.

    Args:
        states: V visitors.
        pages: The page type of each.
        at: Epoch seconds of each; a time before the state's own counts as the state's.
    """
    return [_page_visit(state, page, now) for state, page, now in zip(states, pages, at, strict=True)]


def _page_visit(state: VisitorState, page: str, at: float) -> PageVisit:
    if not state.events:
        return PageVisit(state, page, 0.0, 0.0)
    now = max(at, state.at)
    return PageVisit(state, page, now - state.at, min(now - state.session_at, SESSION_MAX_S))


def visitor_block(visits: Sequence[PageVisit]) -> NDArray[np.float32]:
    """float32[V, len(VISITOR_FEATURES)], a row for each visit."""
    values = chain.from_iterable([[of(visit) for of in _FUNCTIONS] for visit in visits])
    count = len(visits) * len(_FUNCTIONS)
    return np.fromiter(values, np.float32, count).reshape(len(visits), len(_FUNCTIONS))
