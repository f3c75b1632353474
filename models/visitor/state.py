"""What we remember of one visitor, as it is read and explained, and the record that carries an event.

State changes only by `models.visitor.fold`. All times are whole epoch seconds, all keys come from
`schemas.ids`, and every number is already rounded to what `models.visitor.packing` can hold, so packing
loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from schemas.events import Event

PURPOSES = ("personalization", "analytics", "marketing", "email", "ads", "functional")
"""Consent purposes in the order of their bit pairs: bit 2i says "answered", bit 2i+1 says "granted"."""


class RecentItem(Struct, frozen=True, array_like=True, gc=False):
    """An item viewed: `key` is hash48 of its id, `at` its last view, `dwell` the seconds spent on it.

    `views` and `dwell` stop at 255.
    """

    key: int
    at: int
    views: int = 1
    dwell: int = 0


class CartLine(Struct, frozen=True, array_like=True, gc=False):
    """An item in the cart: `key` is hash48 of its id, `at` when it was added, `price` per unit (float32)."""

    key: int
    at: int
    quantity: int
    price: float


class PurchasedItem(Struct, frozen=True, array_like=True, gc=False):
    """An item bought: `key` is hash48 of its id, `at` the time of the order, `price` is per unit (float32).

    `category` is hash32 of the finest category, 0 when unknown.
    """

    key: int
    at: int
    price: float
    category: int = 0


class VisitorState(Struct, frozen=True, kw_only=True, gc=False):
    """Everything known of a visitor after the record at `offset` of its partition.

    Affinities map a hash32 (or a price band) to a weight decayed to `at`; one plain view weighs 1. Their
    half-lives are in `models.visitor.decay`, the largest number of entries in `models.visitor.state_fields`.
    """

    incarnation: int = 0
    """Which creation of the events topic `offset` counts in; 0 for none."""
    offset: int = -1
    """Offset of the last record applied; the partition is implied by the visitor."""

    at: int = 0
    """Epoch seconds of the newest event; never moves backwards."""
    first_at: int = 0
    """Epoch seconds of the first event."""
    events: int = 0
    """Events counted, repeated messages left out."""

    sessions: int = 0
    session_at: int = 0
    """Epoch seconds of the start of the current session."""
    session_events: int = 0
    """Events in the current session."""
    session_views: int = 0
    """Views of items in the current session."""

    orders: int = 0
    spent: float = 0.0
    """Sum of orders less refunds, in the shop's currency, to the cent."""
    last_order_at: int = 0
    """Epoch seconds; 0 for no order."""

    price: float = 0.0
    """Mean of ln(1 + price) over the affinity evidence, newer evidence weighing more."""
    price_weight: float = 0.0
    """How much evidence `price` has, in plain views, decayed to `at`; 0 for none."""
    bought_price: float = 0.0
    """Moving mean of ln(1 + price) of purchases; 0 for none."""

    # Long-term affinities, from views, clicks, carts and more: half-life of weeks.
    categories: Mapping[int, float] = {}
    """hash32 of a category -> weight."""
    brands: Mapping[int, float] = {}
    """hash32 of a brand -> weight."""
    colours: Mapping[int, float] = {}
    """hash32 of a colour -> weight."""
    sizes: Mapping[int, float] = {}
    """hash32 of a size -> weight."""
    price_bands: Mapping[int, float] = {}
    """Price band, 0..15 -> weight."""
    # Session affinities: half-life of minutes, empty when a session begins.
    now_categories: Mapping[int, float] = {}
    """hash32 of a category -> weight."""
    now_brands: Mapping[int, float] = {}
    """hash32 of a brand -> weight."""
    # Purchase affinities: half-life of months.
    bought_categories: Mapping[int, float] = {}
    """hash32 of a category -> weight; each item bought adds 1."""

    recent: tuple[RecentItem, ...] = ()
    """Items viewed, newest first."""
    wishlist: tuple[int, ...] = ()
    """hash48 of items wished for, newest first."""
    cart: tuple[CartLine, ...] = ()
    bought: tuple[PurchasedItem, ...] = ()
    """Items bought and kept, newest first."""
    searches: tuple[int, ...] = ()
    """hash32 of search terms, newest first."""

    channels: tuple[int, ...] = (0, 0, 0, 0, 0, 0)
    """Events by channel, in the order of schemas.events.Channel; all halve when one would pass 255."""
    devices: tuple[int, ...] = (0, 0, 0, 0, 0)
    """Events by device, in the order of schemas.events.Device; all halve likewise."""
    shares: int = 0
    """Items shared, at most 255."""
    promotions: Mapping[int, tuple[int, int]] = {}
    """hash32 of a tactic or promotion -> (times seen, times answered), each at most 255; last seen last."""

    # Hesitation.
    dwell: float = 0.0
    """Moving mean of the seconds on a page, to a quarter of a second; 0 for none."""
    returns_to_item: int = 0
    """Returns to an item viewed before in this session, with another in between."""
    carts_left: int = 0
    """Sessions that began with an unbought cart, at most 255."""
    dismissed: tuple[int, ...] = ()
    """hash32 of dismissed modules, newest first."""
    consent: int = 0
    """Bit pairs in the order of PURPOSES."""
    message_ids: tuple[int, ...] = ()
    """hash64 of the newest message ids, newest first: a client's retry is not counted twice."""
    window: bytes = b""
    """Message ids that left `message_ids` within about an hour, packed (models.visitor.sessions); kept beside
    the state, so none where the state alone was read."""


AFFINITY_FIELDS = (
    "categories", "brands", "colours", "sizes", "now_categories", "now_brands", "bought_categories",
    "price_bands",
)  # fmt: skip
"""Fields of VisitorState, by the kind of affinity (models.visitor.state_fields)."""

EMPTY = VisitorState()


class EventRecord(Struct, frozen=True, gc=False):
    """A decoded event with its record id; `arrival` is the broker's append time, epoch seconds.

    `source` is where it was sent from (`schemas.sources`), for crowd signals alone: fold does not read it.
    """

    event: Event
    partition: int
    offset: int
    arrival: float
    incarnation: int
    source: int = 0


def read_consent(state: VisitorState, purpose: str) -> bool | None:
    """What the visitor answered for one of PURPOSES; None for no answer. ValueError for another purpose."""
    bits = state.consent >> (2 * PURPOSES.index(purpose))
    return bool(bits & 2) if bits & 1 else None


def refuses_personalization(state: VisitorState) -> bool:
    """Whether the visitor refused personalization; no answer is no refusal here."""
    return read_consent(state, "personalization") is False
