"""Features of the visitor and the moment, the same for all of a visitor's candidates.

Each is a plain number of one state: a batch of a few visitors is the rule, and for it ten numpy calls cost
more than all the arithmetic.
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


class Moment(Struct, frozen=True, gc=False):
    """A visitor's state on a page; `since` and `session_age` are seconds, 0 for one without events."""

    state: VisitorState
    page: str
    since: float
    session_age: float


class VisitorFeature(Struct, frozen=True):
    name: str
    version: int
    of: Callable[[Moment], float]


VISITOR_FEATURES: tuple[VisitorFeature, ...] = (
    VisitorFeature("visitor_is_cold", 1, lambda m: not m.state.events),
    VisitorFeature("visitor_log_events", 1, lambda m: log1p(min(m.state.events, 500)) / 4),
    VisitorFeature("visitor_log_orders", 1, lambda m: log1p(min(m.state.orders, 20))),
    VisitorFeature("visitor_mobile", 1, lambda m: _share(m.state.devices, m.state.devices[1])),
    VisitorFeature("visitor_off_web", 1, lambda m: _share(m.state.channels, sum(m.state.channels[1:]))),
    VisitorFeature("session_log_views", 1, lambda m: log1p(min(m.state.session_views, 100)) / 3),
    VisitorFeature("session_log_age", 1, lambda m: log1p(m.session_age / 60.0) / 4),
    VisitorFeature("page_product", 1, lambda m: m.page == "product"),
    VisitorFeature("page_listing", 1, lambda m: m.page in LISTING_PAGES),
    VisitorFeature("page_cart", 1, lambda m: m.page == "cart"),
)
_FUNCTIONS = tuple(feature.of for feature in VISITOR_FEATURES)


def _share(counts: Sequence[int], some: int) -> float:
    """Share of some counts in all of them; 0 without any (web, desktop)."""
    return some / max(sum(counts), 1)


def moments(states: Iterable[VisitorState], pages: Iterable[str], at: Iterable[float]) -> list[Moment]:
    """One for each visitor; `at` in epoch seconds. A clock behind the state's counts as its."""
    return [_moment(state, page, now) for state, page, now in zip(states, pages, at, strict=True)]


def _moment(state: VisitorState, page: str, at: float) -> Moment:
    if not state.events:
        return Moment(state, page, 0.0, 0.0)
    now = max(at, state.at)
    return Moment(state, page, now - state.at, min(now - state.session_at, SESSION_MAX_S))


def visitor_block(many: Sequence[Moment]) -> NDArray[np.float32]:
    """float32[V, len(VISITOR_FEATURES)]"""
    values = chain.from_iterable([[of(moment) for of in _FUNCTIONS] for moment in many])
    count = len(many) * len(_FUNCTIONS)
    return np.fromiter(values, np.float32, count).reshape(len(many), len(_FUNCTIONS))
