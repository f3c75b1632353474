"""Features of the visitor and the moment, the same for all of a visitor's candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.visitor import VisitorState

Floats64 = NDArray[np.float64]
Column = NDArray[np.floating[Any]]

_NUMBERS = (
    "events", "session_views", "session_at", "at", "orders", "price", "price_weight", "bought_price",
)  # fmt: skip
_numbers = attrgetter(*_NUMBERS)
LISTINGS = ("category", "search")


class Visitors(Struct, frozen=True, eq=False):
    """Numbers of the states of a batch as float64[V]; `since` is the age of the state in seconds."""

    events: Floats64
    session_views: Floats64
    session_age: Floats64
    since: Floats64
    orders: Floats64
    price: Floats64
    price_weight: Floats64
    bought_price: Floats64
    off_web: Floats64
    """Share of events that came over another channel than the web."""
    mobile: Floats64
    pages: Sequence[str]


class VisitorFeature(Struct, frozen=True):
    name: str
    version: int
    of: Callable[[Visitors], Column]


def _page(*names: str) -> Callable[[Visitors], Column]:
    return lambda v: np.array([page in names for page in v.pages], np.float32)


VISITOR_FEATURES: tuple[VisitorFeature, ...] = (
    VisitorFeature("visitor_is_cold", 1, lambda v: (v.events == 0).astype(np.float32)),
    VisitorFeature("visitor_log_events", 1, lambda v: np.log1p(np.minimum(v.events, 500)) / 4),
    VisitorFeature("visitor_log_orders", 1, lambda v: np.log1p(np.minimum(v.orders, 20))),
    VisitorFeature("visitor_mobile", 1, lambda v: v.mobile),
    VisitorFeature("visitor_off_web", 1, lambda v: v.off_web),
    VisitorFeature("session_log_views", 1, lambda v: np.log1p(np.minimum(v.session_views, 100)) / 3),
    VisitorFeature("session_log_age", 1, lambda v: np.log1p(v.session_age / 60.0) / 4),
    VisitorFeature("page_product", 1, _page("product")),
    VisitorFeature("page_listing", 1, _page(*LISTINGS)),
    VisitorFeature("page_cart", 1, _page("cart")),
)


def visitors(states: Sequence[VisitorState], pages: Sequence[str], at: Floats64) -> Visitors:
    """The numbers of a batch; `at` is float64[V], epoch seconds. A clock behind the state's counts as its."""
    count = len(states)
    flat = chain.from_iterable(map(_numbers, states))
    table = np.fromiter(flat, np.float64, count * len(_NUMBERS)).reshape(count, len(_NUMBERS))
    events, views, started, seen, orders, price, weight, bought = table.T
    now = np.maximum(at, seen)
    return Visitors(
        events=events,
        session_views=views,
        session_age=np.where(events > 0, np.minimum(now - started, 86_400.0), 0.0),
        since=np.where(events > 0, now - seen, 0.0),
        orders=orders,
        price=price,
        price_weight=weight,
        bought_price=bought,
        off_web=_share([state.channels for state in states], slice(1, None)),
        mobile=_share([state.devices for state in states], slice(1, 2)),
        pages=pages,
    )


def _share(counts: Sequence[Sequence[int]], some: slice) -> Floats64:
    """Share of some counts of each visitor in all of its; 0 without any (web, desktop)."""
    if not counts:
        return np.empty(0)
    width = len(counts[0])
    flat = chain.from_iterable(counts)
    table = np.fromiter(flat, np.float64, len(counts) * width).reshape(len(counts), width)
    share: Floats64 = table[:, some].sum(axis=1) / np.maximum(table.sum(axis=1), 1.0)
    return share


def visitor_block(values: Visitors) -> NDArray[np.float32]:
    """float32[V, len(VISITOR_FEATURES)]"""
    block = np.empty((len(values.events), len(VISITOR_FEATURES)), np.float32)
    for column, feature in enumerate(VISITOR_FEATURES):
        block[:, column] = feature.of(values)
    return block
