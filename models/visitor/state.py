"""What we remember of one visitor, and the record that changes it.

State changes only by `models.visitor.fold`. All times are whole epoch seconds, all keys come from
`schemas.ids`, and every number is already rounded to what `models.visitor.packing` can hold, so packing
loses nothing.
Mappings are never changed in place: states share those that an event did not touch.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from schemas.events import Event

RECENT_MAX = 12
WISHLIST_MAX = 8
CART_MAX = 8
BOUGHT_MAX = 8
SEARCHES_MAX = 4
PROMOTIONS_MAX = 6
DISMISSED_MAX = 4
MESSAGE_IDS_MAX = 16

PURPOSES = ("personalization", "analytics", "marketing", "email", "ads", "functional")
"""Consent purposes in the order of their bit pairs: bit 2i says "answered", bit 2i+1 says "granted"."""


class RecentItem(Struct, frozen=True, array_like=True, gc=False):
    """An item looked at: `key` is hash48 of its id, `dwell` the seconds spent on it (at most 255)."""

    key: int
    at: int
    views: int = 1
    dwell: int = 0


class CartLine(Struct, frozen=True, array_like=True, gc=False):
    """An item in the cart; `price` is per unit."""

    key: int
    at: int
    quantity: int
    price: float


class Bought(Struct, frozen=True, array_like=True, gc=False):
    """An item bought; `category` is hash32 of the finest category, 0 when unknown."""

    key: int
    at: int
    price: float
    category: int = 0


class VisitorState(Struct, frozen=True, kw_only=True, gc=False):
    """Everything known of a visitor after the record at `offset` of its partition.

    Tastes map a hash32 (or a price band) to a weight decayed to `at`: one plain view weighs 1.
    """

    # The last record applied; the partition is implied by the visitor.
    incarnation: int = 0
    offset: int = -1
    # Recency and frequency. `at` never moves backwards.
    at: int = 0
    first_at: int = 0
    events: int = 0
    # Sessions: `session_at` is the start of the current one, the next two count within it.
    sessions: int = 0
    session_at: int = 0
    session_events: int = 0
    session_views: int = 0
    # Money.
    orders: int = 0
    spent: float = 0.0
    last_order_at: int = 0
    # Decayed mean of ln(1 + price) of items looked at with its evidence, and of purchases (0: none).
    price: float = 0.0
    price_weight: float = 0.0
    bought_price: float = 0.0
    # Tastes from what was looked at, clicked and put into the cart (half-life of weeks).
    categories: Mapping[int, float] = {}
    brands: Mapping[int, float] = {}
    colours: Mapping[int, float] = {}
    sizes: Mapping[int, float] = {}
    price_bands: Mapping[int, float] = {}
    # This session's taste (half-life of minutes; empty when a session begins).
    now_categories: Mapping[int, float] = {}
    now_brands: Mapping[int, float] = {}
    # Taste from purchases (half-life of months).
    bought_categories: Mapping[int, float] = {}
    # Newest first.
    recent: tuple[RecentItem, ...] = ()
    wishlist: tuple[int, ...] = ()
    cart: tuple[CartLine, ...] = ()
    bought: tuple[Bought, ...] = ()
    searches: tuple[int, ...] = ()
    # Counts in the order of schemas.events.Channel and Device; all halve when one would pass 255.
    channels: tuple[int, ...] = (0, 0, 0, 0, 0, 0)
    devices: tuple[int, ...] = (0, 0, 0, 0, 0)
    shares: int = 0
    # hash32 of tactic or promotion -> (times met, times answered).
    promotions: Mapping[int, tuple[int, int]] = {}
    # Hesitation: seconds on a page (moving mean), returns to an item left before (this session),
    # carts that a later session found unbought.
    dwell: float = 0.0
    returns_to_item: int = 0
    carts_left: int = 0
    dismissed: tuple[int, ...] = ()
    consent: int = 0
    message_ids: tuple[int, ...] = ()


EMPTY = VisitorState()


class EventRecord(Struct, frozen=True, gc=False):
    """A decoded event with where it stands; `arrival` is the broker's append time, epoch seconds."""

    event: Event
    partition: int
    offset: int
    arrival: float
    incarnation: int


def already_applied(state: VisitorState, incarnation: int, offset: int) -> bool:
    """Whether the state has seen this offset; another incarnation of the topic has no previous offset."""
    return offset <= state.offset and incarnation == state.incarnation


def consent_given(state: VisitorState, purpose: str) -> bool | None:
    """What the visitor answered for one of PURPOSES; None: nothing yet."""
    bits = state.consent >> (2 * PURPOSES.index(purpose))
    return bool(bits & 2) if bits & 1 else None


def personalization_refused(state: VisitorState) -> bool:
    """Whether the visitor said no to personalization; silence is no refusal here."""
    return consent_given(state, "personalization") is False
