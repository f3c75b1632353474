"""The fields of a visitor's state that one event changes: filled by the themes, applied once by fold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from models.visitor.state import Bought, CartLine, RecentItem


class Changes(TypedDict, total=False):
    """Names and types of VisitorState, each optional; a test keeps the two alike.

    Filling this and building the state once costs a tenth of a new 43-field struct for each theme.
    """

    incarnation: int
    offset: int
    at: int
    first_at: int
    events: int
    sessions: int
    session_at: int
    session_events: int
    session_views: int
    orders: int
    spent: float
    last_order_at: int
    price: float
    price_weight: float
    bought_price: float
    categories: Mapping[int, float]
    brands: Mapping[int, float]
    colours: Mapping[int, float]
    sizes: Mapping[int, float]
    price_bands: Mapping[int, float]
    now_categories: Mapping[int, float]
    now_brands: Mapping[int, float]
    bought_categories: Mapping[int, float]
    recent: tuple[RecentItem, ...]
    wishlist: tuple[int, ...]
    cart: tuple[CartLine, ...]
    bought: tuple[Bought, ...]
    searches: tuple[int, ...]
    channels: tuple[int, ...]
    devices: tuple[int, ...]
    shares: int
    promotions: Mapping[int, tuple[int, int]]
    dwell: float
    returns_to_item: int
    carts_left: int
    dismissed: tuple[int, ...]
    consent: int
    message_ids: tuple[int, ...]
