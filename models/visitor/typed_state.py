"""A visitor's state in typed fields: read from its packed bytes, changed in place by the fold, packed again.

Version 1, little-endian: a fixed head with the size of each collection, then all 64-bit numbers, all
32-bit ones, ages in seconds before `at` (16 bits each when all fit, else 32), float32 prices, bytes.
A weight is one byte (models.visitor.decay). Mappings keep their order, so equal histories give equal bytes.
No bytes stand for the state of a new visitor.
"""

import cython

from models import use_compiled

if not cython.compiled:
    from models.visitor.decay import nearest_whole
    from models.visitor.state_fields import (
        KIND_PRICE_BANDS,
        KINDS,
        PACKED_MAX,
        PRICE_STEPS,
        SIZE_MAX,
        SPENT_MAX,
        StateFields,
        may_be_window,
    )

STATE_VERSION = cython.declare(cython.int, 1)
HEAD_BYTES = cython.declare(cython.int, 74)
SIZES_AT = cython.declare(cython.int, 58)
"""Where in the head the sizes of the collections stand."""
WIDE_AGES = cython.declare(cython.int, 1)
"""Flag: ages take 32 bits, because one is over 18 hours."""
HAS_ORDERS = cython.declare(cython.int, 2)
"""Flag: there are orders, so their count, sum and time follow."""
NEWER_VERSIONS = cython.declare(cython.int, 15)
"""Versions count up by one: what is further ahead than this is no version."""


@cython.final
@cython.cclass
class TypedState(StateFields):
    """A scratch state: made once, read into again and again.

    Reading and packing go through the bytes from front to back.
    """

    @cython.ccall
    def read(self, packed: bytes) -> cython.bint:
        """Reads a packed state; of bytes that are none, that of a new visitor.

        Args:
            packed: Bytes that `pack` wrote, with or without the window; none at all for a new visitor.

        Returns:
            Whether the bytes are a state of this version. Any bytes may be asked about.

        Complexity: O(bytes), at most PACKED_MAX and one copy of the window.
        """
        if not packed:
            self.clear()
            return True
        if len(packed) >= HEAD_BYTES and packed[0] == STATE_VERSION:
            self.packed, self.next = packed, 2
            self._read_head()
            if self._is_whole():
                self._read_longs()
                self._read_ints()
                self._read_ages()
                self._read_rest()
                self.window = packed[self.next :]
                return True
        self.clear()
        return False

    @cython.cfunc
    def _is_whole(self) -> cython.bint:
        """Whether collections are within their bounds and add up to the length, or a window follows."""
        i: cython.int
        for i in range(len(SIZE_MAX)):
            if self.packed[SIZES_AT + i] > SIZE_MAX[i]:
                return False
        affinities: cython.int = 0
        for i in range(KIND_PRICE_BANDS):
            affinities += self.sizes[i]
        priced: cython.int = self.cart_count + self.bought_count
        dated: cython.int = self.recent_count + priced
        size: cython.int = HEAD_BYTES + 8 * (dated + self.wishlist_count + self.message_count)
        size += 4 * (affinities + self.promotion_count + self.search_count + self.dismissed_count)
        size += 4 * (self.bought_count + priced)
        size += 16 if self.packed[1] & HAS_ORDERS else 0
        size += dated * (4 if self.packed[1] & WIDE_AGES else 2)
        size += affinities + 2 * (self.sizes[KIND_PRICE_BANDS] + self.promotion_count)
        if size > len(self.packed) or size > PACKED_MAX or not may_be_window(self.packed, size):
            return False
        return self.packed[11] < 128  # an offset has 63 bits

    @cython.cfunc
    def _read_head(self) -> cython.void:
        i: cython.int
        self.incarnation, self.offset = self.take(2), self.take(8) - 1
        self.at, self.first_at, self.events = self.take(4), self.take(4), self.take(4)
        self.sessions, self.session_at = self.take(2), self.take(4)
        self.session_events, self.session_views = self.take(2), self.take(2)
        self.price = self.take(2) / PRICE_STEPS
        self.price_weight_code = self.take(1)
        self.bought_price = self.take(2) / PRICE_STEPS
        self.shares, self.dwell, self.returns_to_item = self.take(1), self.take(2) / 4.0, self.take(2)
        self.carts_left, self.consent = self.take(1), self.take(2)
        for i in range(6):
            self.channels[i] = self.take(1)
        for i in range(5):
            self.devices[i] = self.take(1)
        for i in range(KINDS):
            self.sizes[i] = self.take(1)
        self.promotion_count, self.search_count = self.take(1), self.take(1)
        self.dismissed_count, self.recent_count = self.take(1), self.take(1)
        self.wishlist_count, self.cart_count = self.take(1), self.take(1)
        self.bought_count, self.message_count = self.take(1), self.take(1)

    @cython.cfunc
    def _read_longs(self) -> cython.void:
        i: cython.int
        for i in range(self.recent_count):
            self.recent_keys[i] = self.take(6)
            self.recent_views[i], self.recent_dwell[i] = self.take(1), self.take(1)
        self.take_keys(self.wishlist_keys, self.wishlist_count, 8)
        for i in range(self.cart_count):
            self.cart_keys[i], self.cart_quantity[i] = self.take(6), self.take(2)
        self.take_keys(self.bought_keys, self.bought_count, 8)
        for i in range(self.message_count):
            self.message_keys[i] = self.take(8)
        self.spent = min(SPENT_MAX, self.take(8) / 100.0) if self.packed[1] & HAS_ORDERS else 0.0

    @cython.cfunc
    def _read_ints(self) -> cython.void:
        kind: cython.int
        i: cython.int
        for kind in range(KIND_PRICE_BANDS):
            for i in range(self.sizes[kind]):
                self.keys[kind, i] = self.take(4)
        self.take_keys(self.promotion_keys, self.promotion_count, 4)
        self.take_keys(self.search_keys, self.search_count, 4)
        self.take_keys(self.dismissed_keys, self.dismissed_count, 4)
        for i in range(self.bought_count):
            self.bought_category[i] = self.take(4)
        self.orders = self.last_order_at = 0
        if self.packed[1] & HAS_ORDERS:
            self.orders, self.last_order_at = self.take(4), self.take(4)

    @cython.cfunc
    def _read_ages(self) -> cython.void:
        size: cython.int = 4 if self.packed[1] & WIDE_AGES else 2
        self.take_times(self.recent_at, self.recent_count, size, self.at)
        self.take_times(self.cart_at, self.cart_count, size, self.at)
        self.take_times(self.bought_at, self.bought_count, size, self.at)

    @cython.cfunc
    def _read_rest(self) -> cython.void:
        """Prices, weights of all affinities, price bands, promotions seen and answered."""
        kind: cython.int
        i: cython.int
        self.take_floats(self.cart_price, self.cart_count)
        self.take_floats(self.bought_paid, self.bought_count)
        for kind in range(KINDS):
            for i in range(self.sizes[kind]):
                self.codes[kind, i] = self.take(1)
        for i in range(self.sizes[KIND_PRICE_BANDS]):
            self.keys[KIND_PRICE_BANDS, i] = self.take(1)
        for i in range(self.promotion_count):
            self.promotion_seen[i], self.promotion_answered[i] = self.take(1), self.take(1)

    @cython.ccall
    def pack(self) -> bytes:
        """Packs the state: at most PACKED_MAX bytes (a typical history takes 200 to 350), then the window.

        Complexity: O(entries of all collections), which have constant bounds.
        """
        wide: cython.bint = self._oldest_age() > 0xFFFF
        self.next = 0
        self.put(STATE_VERSION, 1)
        self.put((WIDE_AGES if wide else 0) | (HAS_ORDERS if self.orders else 0), 1)
        self._pack_head()
        self._pack_longs()
        self._pack_ints()
        self._pack_ages(4 if wide else 2)
        self._pack_rest()
        packed: bytes = self.end_packing()
        return packed + self.window

    @cython.cfunc
    def _oldest_age(self) -> cython.longlong:
        i: cython.int
        since: cython.longlong = self.at
        for i in range(self.recent_count):
            since = min(since, self.recent_at[i])
        for i in range(self.cart_count):
            since = min(since, self.cart_at[i])
        for i in range(self.bought_count):
            since = min(since, self.bought_at[i])
        return self.at - since

    @cython.cfunc
    def _pack_head(self) -> cython.void:
        i: cython.int
        self.put(self.incarnation, 2)
        self.put(self.offset + 1, 8)
        self.put(self.at, 4)
        self.put(self.first_at, 4)
        self.put(self.events, 4)
        self.put(self.sessions, 2)
        self.put(self.session_at, 4)
        self.put(self.session_events, 2)
        self.put(self.session_views, 2)
        self.put(int(self.price * PRICE_STEPS), 2)
        self.put(self.price_weight_code, 1)
        self.put(int(self.bought_price * PRICE_STEPS), 2)
        self.put(self.shares, 1)
        self.put(int(self.dwell * 4), 2)
        self.put(self.returns_to_item, 2)
        self.put(self.carts_left, 1)
        self.put(self.consent, 2)
        for i in range(6):
            self.put(self.channels[i], 1)
        for i in range(5):
            self.put(self.devices[i], 1)
        for i in range(KINDS):
            self.put(self.sizes[i], 1)
        self.put(self.promotion_count, 1)
        self.put(self.search_count, 1)
        self.put(self.dismissed_count, 1)
        self.put(self.recent_count, 1)
        self.put(self.wishlist_count, 1)
        self.put(self.cart_count, 1)
        self.put(self.bought_count, 1)
        self.put(self.message_count, 1)

    @cython.cfunc
    def _pack_longs(self) -> cython.void:
        i: cython.int
        for i in range(self.recent_count):
            self.put(self.recent_keys[i], 6)
            self.put(self.recent_views[i], 1)
            self.put(self.recent_dwell[i], 1)
        self.put_keys(self.wishlist_keys, self.wishlist_count, 8)
        for i in range(self.cart_count):
            self.put(self.cart_keys[i], 6)
            self.put(self.cart_quantity[i], 2)
        self.put_keys(self.bought_keys, self.bought_count, 8)
        for i in range(self.message_count):
            self.put(self.message_keys[i], 8)
        if self.orders:
            self.put(int(nearest_whole(self.spent * 100)), 8)

    @cython.cfunc
    def _pack_ints(self) -> cython.void:
        kind: cython.int
        i: cython.int
        for kind in range(KIND_PRICE_BANDS):
            for i in range(self.sizes[kind]):
                self.put(self.keys[kind, i], 4)
        self.put_keys(self.promotion_keys, self.promotion_count, 4)
        self.put_keys(self.search_keys, self.search_count, 4)
        self.put_keys(self.dismissed_keys, self.dismissed_count, 4)
        for i in range(self.bought_count):
            self.put(self.bought_category[i], 4)
        if self.orders:
            self.put(self.orders, 4)
            self.put(self.last_order_at, 4)

    @cython.cfunc
    def _pack_ages(self, size: cython.int) -> cython.void:
        self.put_times(self.recent_at, self.recent_count, size, self.at)
        self.put_times(self.cart_at, self.cart_count, size, self.at)
        self.put_times(self.bought_at, self.bought_count, size, self.at)

    @cython.cfunc
    def _pack_rest(self) -> cython.void:
        kind: cython.int
        i: cython.int
        self.put_floats(self.cart_price, self.cart_count)
        self.put_floats(self.bought_paid, self.bought_count)
        for kind in range(KINDS):
            for i in range(self.sizes[kind]):
                self.put(self.codes[kind, i], 1)
        for i in range(self.sizes[KIND_PRICE_BANDS]):
            self.put(self.keys[KIND_PRICE_BANDS, i], 1)
        for i in range(self.promotion_count):
            self.put(self.promotion_seen[i], 1)
            self.put(self.promotion_answered[i], 1)


def may_be_newer(packed: bytes) -> bool:
    """Whether bytes that cannot be read may be a state that newer code wrote."""
    return bool(packed) and 0 < packed[0] - STATE_VERSION <= NEWER_VERSIONS


if not cython.compiled:
    use_compiled(globals())
