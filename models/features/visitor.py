"""Visitor features: numbers of the visitor and the page, the same for all of a visit's candidates."""

import cython
from cython.cimports.libc.math import log1p

from models import use_compiled

if not cython.compiled:
    from models.candidates.visit import PAGE_CART, PAGE_CATEGORY, PAGE_PRODUCT, PAGE_SEARCH, Visit
    from models.features.feature_rows import FeatureGroup, FeatureRows
    from models.visitor.typed_state import TypedState

SESSION_MAX_S = cython.declare(cython.double, 86_400.0)

VISITOR_FEATURES = FeatureGroup("visitor")
VISITOR_IS_COLD = cython.declare(cython.int, VISITOR_FEATURES.add("visitor_is_cold", 1))
VISITOR_LOG_EVENTS = cython.declare(cython.int, VISITOR_FEATURES.add("visitor_log_events", 1))
VISITOR_LOG_ORDERS = cython.declare(cython.int, VISITOR_FEATURES.add("visitor_log_orders", 1))
VISITOR_MOBILE = cython.declare(cython.int, VISITOR_FEATURES.add("visitor_mobile", 1))
VISITOR_OFF_WEB = cython.declare(cython.int, VISITOR_FEATURES.add("visitor_off_web", 1))
SESSION_LOG_VIEWS = cython.declare(cython.int, VISITOR_FEATURES.add("session_log_views", 1))
SESSION_LOG_AGE = cython.declare(cython.int, VISITOR_FEATURES.add("session_log_age", 1))
IS_PRODUCT_PAGE = cython.declare(cython.int, VISITOR_FEATURES.add("page_product", 1))
IS_LISTING_PAGE = cython.declare(cython.int, VISITOR_FEATURES.add("page_listing", 1))
IS_CART_PAGE = cython.declare(cython.int, VISITOR_FEATURES.add("page_cart", 1))


@cython.cfunc
def write_visitor_features(rows: FeatureRows) -> cython.void:
    """Caps and divisors are own choices, not tuned: they bring counts and minutes to the scale of shares."""
    visit: Visit = rows.visit
    state: TypedState = visit.state
    if visit.count == 0:
        return
    i: cython.int = rows.first
    start: cython.int = rows.start
    out: cython.float[:, ::1] = rows.out
    out[i, start + VISITOR_IS_COLD] = state.events == 0
    out[i, start + VISITOR_LOG_EVENTS] = log1p(min(state.events, 500)) / 4
    out[i, start + VISITOR_LOG_ORDERS] = log1p(min(state.orders, 20))
    out[i, start + VISITOR_MOBILE] = state.devices[1] / max(count_all(state.devices), 1.0)
    channels: cython.double = count_all(state.channels)
    out[i, start + VISITOR_OFF_WEB] = (channels - state.channels[0]) / max(channels, 1.0)
    out[i, start + SESSION_LOG_VIEWS] = log1p(min(state.session_views, 100)) / 3
    out[i, start + SESSION_LOG_AGE] = log1p(session_age(visit) / 60.0) / 4
    out[i, start + IS_PRODUCT_PAGE] = visit.page == PAGE_PRODUCT
    out[i, start + IS_LISTING_PAGE] = visit.page == PAGE_CATEGORY or visit.page == PAGE_SEARCH
    out[i, start + IS_CART_PAGE] = visit.page == PAGE_CART
    rows.repeat_first()


@cython.cfunc
@cython.exceptval(check=False)
def count_all(counts: cython.int[::1]) -> cython.double:
    """The sum of counts."""
    i: cython.int
    total: cython.double = 0.0
    for i in range(counts.shape[0]):
        total += counts[i]
    return total


@cython.cfunc
@cython.exceptval(check=False)
def session_age(visit: Visit) -> cython.double:
    """Seconds from the session's start to now, at most SESSION_MAX_S; 0 for a state without events.

    A time before the state's own counts as the state's.
    """
    if visit.state.events == 0:
        return 0.0
    now: cython.double = max(visit.at, visit.state.at)
    return max(0.0, min(now - visit.state.session_at, SESSION_MAX_S))


if not cython.compiled:
    use_compiled(globals())
