"""A visitor's state as bytes for Redis, and back: `unpack(pack(s)) == s` for every state that fold returns.

Version 1, little-endian: a fixed head with the size of each collection, then all 64-bit numbers, all
32-bit ones, ages in seconds before `at` (16 bits each when all fit, else 32), float32 prices, bytes.
A weight is one byte (models.visitor.decay). Mappings keep their order, so equal histories give equal bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import chain, islice

from msgspec import Struct
from msgspec.structs import replace

from models.visitor.affinities import PRICE_STEPS
from models.visitor.decay import CODES, WEIGHTS
from models.visitor.state import CartLine, PurchasedItem, RecentItem, VisitorState
from schemas.errors import UnknownVersion
from schemas.ids import Version

VERSION = 1
PACKED_MAX = 1024
"""Bytes; no state is larger (a test fills every collection)."""

_WIDE = 1
"""Flag: ages take 32 bits, because one is over 18 hours."""
_ORDERED = 2
"""Flag: there are orders, so their count, sum and time follow."""
_KEY = 0xFFFF_FFFF_FFFF
_code_of = CODES.__getitem__

_HEAD = struct.Struct(
    "<BBHQ"  # version, flags, incarnation, offset + 1
    "IIIHIHH"  # at, first_at, events, sessions, session_at, session_events, session_views
    "HBH"  # price, price_weight, bought_price
    "BHHBH"  # shares, dwell in quarter seconds, returns_to_item, carts_left, consent
    "6B5B"  # channels, devices
    "16B"  # sizes of the collections, in the order of _count_entries
)
_LONGS = [struct.Struct(f"<{n}Q") for n in range(56)]
_INTS = [struct.Struct(f"<{n}I") for n in range(72)]
_AGES = ([struct.Struct(f"<{n}H") for n in range(32)], [struct.Struct(f"<{n}I") for n in range(32)])
_PRICES = [struct.Struct(f"<{n}f") for n in range(20)]
_BYTES = [struct.Struct(f"<{n}B") for n in range(72)]
_AFFINITIES = (
    "categories", "brands", "colours", "sizes", "now_categories", "now_brands", "bought_categories",
)  # fmt: skip


def version_of(packed: bytes, partition: int) -> Version:
    """The version of a packed state, not empty, of a visitor of `partition`; nothing else is checked."""
    incarnation, next_offset = struct.unpack_from("<HQ", packed, 2)
    return Version(incarnation, partition, next_offset - 1)


def pack(state: VisitorState) -> bytes:
    """Packs a state into bytes.

    Args:
        state: A state that fold returned. Numbers of another origin may not fit: weights must be of
            `models.visitor.decay.WEIGHTS`, prices of carts and purchases float32.

    Returns:
        At most PACKED_MAX bytes, the first of which is VERSION; a typical history takes 200 to 350. Equal
        states with equal order give equal bytes.

    Raises:
        struct.error, KeyError, IndexError or ValueError: The state is not one that fold returns.

    Complexity: O(entries of all collections), which have constant bounds.
    """
    longs, ints, ages = _list_longs(state), _list_ints(state), _list_ages(state)
    wide = ages and max(ages) > 0xFFFF
    flags = (_WIDE if wide else 0) | (_ORDERED if state.orders else 0)
    prices = [line.price for line in state.cart]
    if state.bought:
        prices += [line.price for line in state.bought]
    return b"".join(
        (
            _pack_head(state, flags),
            _LONGS[len(longs)].pack(*longs),
            _INTS[len(ints)].pack(*ints),
            _AGES[1 if wide else 0][len(ages)].pack(*ages),
            _PRICES[len(prices)].pack(*prices),
            _pack_bytes(state),
        )
    )


def _pack_head(state: VisitorState, flags: int) -> bytes:
    return _HEAD.pack(
        VERSION,
        flags,
        state.incarnation,
        state.offset + 1,
        state.at,
        state.first_at,
        state.events,
        state.sessions,
        state.session_at,
        state.session_events,
        state.session_views,
        int(state.price * PRICE_STEPS),
        CODES[state.price_weight],
        int(state.bought_price * PRICE_STEPS),
        state.shares,
        int(state.dwell * 4),
        state.returns_to_item,
        state.carts_left,
        state.consent,
        *state.channels,
        *state.devices,
        *_count_entries(state),
    )


def _count_entries(state: VisitorState) -> tuple[int, ...]:
    return (
        len(state.categories), len(state.brands), len(state.colours), len(state.sizes),
        len(state.now_categories), len(state.now_brands), len(state.bought_categories),
        len(state.price_bands), len(state.promotions), len(state.searches), len(state.dismissed),
        len(state.recent), len(state.wishlist), len(state.cart), len(state.bought), len(state.message_ids),
    )  # fmt: skip


def _list_longs(state: VisitorState) -> list[int]:
    longs = [item.key | item.views << 48 | item.dwell << 56 for item in state.recent]
    if state.wishlist:
        longs += state.wishlist
    if state.cart:
        longs += [line.key | line.quantity << 48 for line in state.cart]
    if state.bought:
        longs += [line.key for line in state.bought]
    longs += state.message_ids
    if state.orders:
        longs.append(round(state.spent * 100))
    return longs


def _list_ints(state: VisitorState) -> list[int]:
    ints = [
        *state.categories,
        *state.brands,
        *state.colours,
        *state.sizes,
        *state.now_categories,
        *state.now_brands,
        *state.bought_categories,
        *state.promotions,
        *state.searches,
        *state.dismissed,
    ]
    if state.bought:
        ints += [line.category for line in state.bought]
    if state.orders:
        ints += (state.orders, state.last_order_at)
    return ints


def _list_ages(state: VisitorState) -> list[int]:
    at = state.at
    ages = [at - item.at for item in state.recent]
    if state.cart:
        ages += [at - line.at for line in state.cart]
    if state.bought:
        ages += [at - line.at for line in state.bought]
    return ages


def _pack_bytes(state: VisitorState) -> bytes:
    """Weights of all mappings, then price bands, then promotions seen and answered."""
    weights = chain(
        state.categories.values(),
        state.brands.values(),
        state.colours.values(),
        state.sizes.values(),
        state.now_categories.values(),
        state.now_brands.values(),
        state.bought_categories.values(),
        state.price_bands.values(),
    )
    small = bytes([*map(_code_of, weights), *state.price_bands])
    if state.promotions:
        small += bytes(chain.from_iterable(state.promotions.values()))
    return small


def unpack(raw: bytes) -> VisitorState:
    """Reads bytes that `pack` wrote.

    Returns: The state, equal to the one that was packed.

    Raises:
        UnknownVersion: The bytes have another version, because newer code wrote them, or are no packed
            state. The caller must not overwrite them.

    Complexity: O(entries of all collections), which have constant bounds.
    """
    if not raw or raw[0] != VERSION:
        raise UnknownVersion(f"a state of version {raw[0] if raw else 'none'}; this code reads {VERSION}")
    try:
        head = _HEAD.unpack_from(raw)
        sections = _read_sections(raw, flags=head[1], sizes=head[-16:])
    except (struct.error, IndexError) as exc:
        raise UnknownVersion(f"a state of {len(raw)} bytes that cannot be read: {exc}") from exc
    return _add_collections(_read_scalars(head), sections, head)


class _Sections(Struct, frozen=True):
    """The numbers after the head, each kind to be read from front to back."""

    longs: Iterator[int]
    ints: Iterator[int]
    ages: Iterator[int]
    prices: Iterator[float]
    small: Iterator[int]


def _read_sections(raw: bytes, *, flags: int, sizes: tuple[int, ...]) -> _Sections:
    ordered = 1 if flags & _ORDERED else 0
    dated, priced = sum(sizes[11:15]) - sizes[12], sizes[13] + sizes[14]
    layouts = (
        _LONGS[sum(sizes[11:]) + ordered],
        _INTS[sum(sizes[:7]) + sum(sizes[8:11]) + sizes[14] + 2 * ordered],
        _AGES[flags & _WIDE][dated],
        _PRICES[priced],
        _BYTES[sum(sizes[:7]) + 2 * sizes[7] + 2 * sizes[8]],
    )
    start = _HEAD.size
    read = []
    for layout in layouts:
        read.append(iter(layout.unpack_from(raw, start)))
        start += layout.size
    if start != len(raw):
        raise struct.error(f"expected {start}")
    return _Sections(*read)


def _read_scalars(head: tuple[int, ...]) -> VisitorState:
    return VisitorState(
        incarnation=head[2],
        offset=head[3] - 1,
        at=head[4],
        first_at=head[5],
        events=head[6],
        sessions=head[7],
        session_at=head[8],
        session_events=head[9],
        session_views=head[10],
        price=head[11] / PRICE_STEPS,
        price_weight=WEIGHTS[head[12]],
        bought_price=head[13] / PRICE_STEPS,
        shares=head[14],
        dwell=head[15] / 4,
        returns_to_item=head[16],
        carts_left=head[17],
        consent=head[18],
        channels=head[19:25],
        devices=head[25:30],
    )


def _add_collections(state: VisitorState, sections: _Sections, head: tuple[int, ...]) -> VisitorState:
    longs, ints, ages, prices = sections.longs, sections.ints, sections.ages, sections.prices
    sizes, at, small = head[-16:], state.at, sections.small
    weights = map(WEIGHTS.__getitem__, small)
    # In each zip the counted side comes first: when it ends, the other has not been asked.
    affinities = [dict(zip(islice(ints, size), weights, strict=False)) for size in sizes[:7]]
    band_weights = tuple(islice(weights, sizes[7]))
    bands = dict(zip(islice(small, sizes[7]), band_weights, strict=True))
    promotions = {key: (next(small), next(small)) for key in islice(ints, sizes[8])}
    searches, dismissed = tuple(islice(ints, sizes[9])), tuple(islice(ints, sizes[10]))
    recent = [
        RecentItem(n & _KEY, at - age, n >> 48 & 255, n >> 56)
        for n, age in zip(islice(longs, sizes[11]), ages, strict=False)
    ]
    wishlist = tuple(islice(longs, sizes[12]))
    cart = [CartLine(n & _KEY, at - next(ages), n >> 48, next(prices)) for n in islice(longs, sizes[13])]
    bought = [PurchasedItem(n, at - next(ages), next(prices), next(ints)) for n in islice(longs, sizes[14])]
    filled = replace(
        state,
        **dict(zip(_AFFINITIES, affinities, strict=True)),
        price_bands=bands,
        promotions=promotions,
        searches=searches,
        dismissed=dismissed,
        recent=tuple(recent),
        wishlist=wishlist,
        cart=tuple(cart),
        bought=tuple(bought),
        message_ids=tuple(islice(longs, sizes[15])),
    )
    return _add_orders(filled, sections) if head[1] & _ORDERED else filled


def _add_orders(state: VisitorState, sections: _Sections) -> VisitorState:
    cents, orders, last_order_at = next(sections.longs), next(sections.ints), next(sections.ints)
    return replace(state, spent=cents / 100, orders=orders, last_order_at=last_order_at)
