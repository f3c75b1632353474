"""Interaction features: what links a visitor to single items: viewed, in the cart, bought, or a neighbour.

They are zero for most rows, so they are found from the visitor's side: what was viewed or bought, or is near
to such, names an item, and where that is a candidate its value is added to the matrix.
"""

import cython
import numpy as np
from cython.cimports.libc.math import exp2, log1p, sqrt

from models import use_compiled

if not cython.compiled:
    from models.candidates.visit import SEEDS_MAX, Visit
    from models.catalog.columns import single
    from models.features.feature_rows import FeatureGroup, FeatureRows
    from models.visitor.typed_state import TypedState

INTERACTION_FEATURES = FeatureGroup("interaction")
VIEWED = cython.declare(cython.int, INTERACTION_FEATURES.add("viewed", 1))
"""ln(1 + times viewed)."""
VIEW_RECENCY = cython.declare(cython.int, INTERACTION_FEATURES.add("view_recency", 1))
"""2^(-age / RECENCY_HALF_LIFE_S): 1 now, a half after half an hour."""
VIEW_DWELL = cython.declare(cython.int, INTERACTION_FEATURES.add("view_dwell", 1))
"""Minutes spent on it."""
IN_CART = cython.declare(cython.int, INTERACTION_FEATURES.add("in_cart", 1))
"""0 or 1; so are the next two, however often."""
WISHLISTED = cython.declare(cython.int, INTERACTION_FEATURES.add("wishlisted", 1))
BOUGHT = cython.declare(cython.int, INTERACTION_FEATURES.add("bought", 1))
CO_VIEW_ANCHOR = cython.declare(cython.int, INTERACTION_FEATURES.add("co_view_anchor", 1))
"""Square root of the share of the anchor's co-views: most shares are small."""
CO_VIEW_RECENT = cython.declare(cython.int, INTERACTION_FEATURES.add("co_view_recent", 1))
"""The same, added over the items viewed last, by SEED_WEIGHT."""
CO_BUY = cython.declare(cython.int, INTERACTION_FEATURES.add("co_buy", 1))
"""Square root of the share of co-purchases with the cart, else with the last purchase, by SEED_WEIGHT."""

RECENCY_HALF_LIFE_S = 1800.0
"""Own choice, not tuned."""
RECENCY_RATE = cython.declare(cython.double, float(np.float32(-1 / RECENCY_HALF_LIFE_S)))
SEED_WEIGHT = cython.declare(
    cython.double[::1], np.array([1.0, 0.7, 0.5, 0.35], np.float32).astype(np.float64).data
)
"""Weight of each seed item, the newest viewed first. Own choice, not tuned."""
ANCHOR_NEIGHBOURS = cython.declare(cython.int, 50)
SEED_NEIGHBOURS = cython.declare(cython.int, 16)
CART_NEIGHBOURS = cython.declare(cython.int, 8)
"""Neighbours read of the anchor, of each item viewed last, of each cart line. Own choice, not tuned."""


@cython.cfunc
def write_interactions(rows: FeatureRows) -> cython.void:
    """Writes the interaction features. Complexity: O(candidates + about 200 interactions)."""
    rows.fill(0.0)
    add_views(rows)
    add_cart_wishlist_bought(rows)
    add_co_views(rows)
    add_co_purchases(rows)


@cython.cfunc
@cython.exceptval(check=False)
def add_views(rows: FeatureRows) -> cython.void:
    """What was viewed, how recently, for how long."""
    state: TypedState = rows.visit.state
    i: cython.int
    for i in range(state.recent_count):
        row: cython.int = rows.visit.recent_rows[i]
        age: cython.double = max(single(rows.visit.at - state.recent_at[i]), 0.0)
        rows.add(row, VIEWED, single(log1p(state.recent_views[i])))
        rows.add(row, VIEW_RECENCY, single(exp2(single(age * RECENCY_RATE))))
        rows.add(row, VIEW_DWELL, single(state.recent_dwell[i] / 60.0))


@cython.cfunc
@cython.exceptval(check=False)
def add_cart_wishlist_bought(rows: FeatureRows) -> cython.void:
    """What is in the cart, on the wishlist, or bought."""
    visit: Visit = rows.visit
    i: cython.int
    for i in range(visit.state.cart_count):
        rows.set_one(visit.cart_rows[i], IN_CART)
    for i in range(visit.state.wishlist_count):
        rows.set_one(visit.wishlist_rows[i], WISHLISTED)
    for i in range(visit.state.bought_count):
        rows.set_one(visit.bought_rows[i], BOUGHT)


@cython.cfunc
@cython.exceptval(check=False)
def add_co_views(rows: FeatureRows) -> cython.void:
    """Neighbours of the anchor and of the items viewed last."""
    visit: Visit = rows.visit
    i: cython.int
    add_viewed_with(rows, visit.anchor_row, CO_VIEW_ANCHOR, ANCHOR_NEIGHBOURS, 1.0)
    for i in range(min(visit.state.recent_count, SEEDS_MAX)):
        add_viewed_with(rows, visit.recent_rows[i], CO_VIEW_RECENT, SEED_NEIGHBOURS, SEED_WEIGHT[i])


@cython.cfunc
@cython.exceptval(check=False)
def add_viewed_with(
    rows: FeatureRows, seed: cython.int, column: cython.int, width: cython.int, weight: cython.double
) -> cython.void:
    """The first `width` neighbours of a seed; -1 is none."""
    near: cython.int[:, ::1] = rows.visit.columns.co_viewed
    share: cython.float[:, ::1] = rows.visit.columns.co_viewed_weight
    i: cython.int
    if seed >= 0:
        for i in range(min(width, near.shape[1])):
            rows.add(near[seed, i], column, single(single(sqrt(share[seed, i])) * weight))


@cython.cfunc
@cython.exceptval(check=False)
def add_co_purchases(rows: FeatureRows) -> cython.void:
    """What was bought together with the cart, else with the last purchase."""
    visit: Visit = rows.visit
    i: cython.int
    if visit.state.cart_count > 0:
        for i in range(min(visit.state.cart_count, SEEDS_MAX)):
            add_bought_with(rows, visit.cart_rows[i], SEED_WEIGHT[i])
    elif visit.state.bought_count > 0:
        add_bought_with(rows, visit.bought_rows[0], 1.0)


@cython.cfunc
@cython.exceptval(check=False)
def add_bought_with(rows: FeatureRows, seed: cython.int, weight: cython.double) -> cython.void:
    """The first neighbours of a seed; -1 is none."""
    near: cython.int[:, ::1] = rows.visit.columns.co_bought
    share: cython.float[:, ::1] = rows.visit.columns.co_bought_weight
    i: cython.int
    if seed >= 0:
        for i in range(min(CART_NEIGHBOURS, near.shape[1])):
            rows.add(near[seed, i], CO_BUY, single(single(sqrt(share[seed, i])) * weight))


if not cython.compiled:
    use_compiled(globals())
