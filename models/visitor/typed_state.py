"""A visitor's state in typed fields: read from its packed bytes, changed in place by the fold, packed again.

Version 1, little-endian: a fixed head with the size of each collection, then all 64-bit numbers, all
32-bit ones, ages in seconds before `at` (16 bits each when all fit, else 32), float32 prices, bytes.
A weight is one byte (models.visitor.decay). Mappings keep their order, so equal histories give equal bytes.
No bytes stand for the state of a new visitor.
"""

import cython

if not cython.compiled:
    from models.visitor.state_fields import (
        KIND_PRICE_BANDS,
        KINDS,
        PRICE_STEPS,
        SIZE_MAX,
        SPENT_MAX,
        StateFields,
    )

STATE_VERSION = cython.declare(cython.int, 1)
PACKED_MAX = cython.declare(cython.int, 1024)
"""Bytes; no state is larger (a test fills every collection)."""
HEAD_BYTES = cython.declare(cython.int, 74)
SIZES_AT = cython.declare(cython.int, 58)
"""Where in the head the sizes of the collections stand."""
WIDE_AGES = cython.declare(cython.int, 1)
"""Flag: ages take 32 bits, because one is over 18 hours."""
HAS_ORDERS = cython.declare(cython.int, 2)
"""Flag: there are orders, so their count, sum and time follow."""


@cython.final
@cython.cclass
class TypedState(StateFields):
    """A scratch state: made once, read into again and again.

    Reading and packing go through the bytes from front to back; `_next` is where.
    """

    _packed: bytes
    _memory: object
    _out: cython.uchar[::1]
    _next: cython.int
    _float: cython.float[::1]
    _float_bits: cython.uint[::1]

    def __init__(self) -> None:
        StateFields.__init__(self)
        self._packed, self._next = b"", 0
        self._memory = memoryview(bytearray(PACKED_MAX))
        self._out = self._memory
        one_float = memoryview(bytearray(4))
        self._float, self._float_bits = one_float.cast("f"), one_float.cast("I")

    @cython.ccall
    def read(self, packed: bytes) -> cython.bint:
        """Reads a packed state; of bytes that are none, that of a new visitor.

        Args:
            packed: Bytes that `pack` wrote; none at all for a new visitor.

        Returns:
            Whether the bytes are a state of this version. Any bytes may be asked about.

        Complexity: O(bytes), at most PACKED_MAX.
        """
        if not packed:
            self.clear()
            return True
        self._packed, self._next = packed, 2
        if not self._is_state():
            self.clear()
            return False
        self._read_head()
        self._read_longs()
        self._read_ints()
        self._read_ages()
        self._read_rest()
        return True

    @cython.cfunc
    def _is_state(self) -> cython.bint:
        """Whether the version is ours, each collection within its bound and the length what they add up to."""
        i: cython.int
        n: cython.int
        packed = self._packed
        if len(packed) < HEAD_BYTES or len(packed) > PACKED_MAX or packed[0] != STATE_VERSION:
            return False
        affinities: cython.int = 0
        for i in range(16):
            n = packed[SIZES_AT + i]
            if n > SIZE_MAX[i]:
                return False
            affinities += n if i < KIND_PRICE_BANDS else 0
        bands: cython.int = packed[SIZES_AT + 7]
        promotions: cython.int = packed[SIZES_AT + 8]
        bought: cython.int = packed[SIZES_AT + 14]
        priced: cython.int = packed[SIZES_AT + 13] + bought
        dated: cython.int = packed[SIZES_AT + 11] + priced
        longs: cython.int = dated + packed[SIZES_AT + 12] + packed[SIZES_AT + 15]
        ints: cython.int = affinities + promotions + packed[SIZES_AT + 9] + packed[SIZES_AT + 10] + bought
        size: cython.int = HEAD_BYTES + 8 * longs + 4 * (ints + priced)
        size += dated * (4 if packed[1] & WIDE_AGES else 2)
        size += 16 if packed[1] & HAS_ORDERS else 0
        size += affinities + 2 * bands + 2 * promotions
        return size == len(packed) and packed[11] < 128  # an offset has 63 bits

    @cython.cfunc
    def _read_head(self) -> cython.void:
        i: cython.int
        self.incarnation, self.offset = self._take(2), self._take(8) - 1
        self.at, self.first_at, self.events = self._take(4), self._take(4), self._take(4)
        self.sessions, self.session_at = self._take(2), self._take(4)
        self.session_events, self.session_views = self._take(2), self._take(2)
        self.price = self._take(2) / PRICE_STEPS
        self.price_weight_code = self._take(1)
        self.bought_price = self._take(2) / PRICE_STEPS
        self.shares, self.dwell, self.returns_to_item = self._take(1), self._take(2) / 4.0, self._take(2)
        self.carts_left, self.consent = self._take(1), self._take(2)
        for i in range(6):
            self.channels[i] = self._take(1)
        for i in range(5):
            self.devices[i] = self._take(1)
        for i in range(KINDS):
            self.sizes[i] = self._take(1)
        self.promotion_count, self.search_count = self._take(1), self._take(1)
        self.dismissed_count, self.recent_count = self._take(1), self._take(1)
        self.wishlist_count, self.cart_count = self._take(1), self._take(1)
        self.bought_count, self.message_count = self._take(1), self._take(1)

    @cython.cfunc
    def _read_longs(self) -> cython.void:
        i: cython.int
        for i in range(self.recent_count):
            self.recent_keys[i] = self._take(6)
            self.recent_views[i], self.recent_dwell[i] = self._take(1), self._take(1)
        for i in range(self.wishlist_count):
            self.wishlist_keys[i] = self._take_key()
        for i in range(self.cart_count):
            self.cart_keys[i], self.cart_quantity[i] = self._take(6), self._take(2)
        for i in range(self.bought_count):
            self.bought_keys[i] = self._take_key()
        for i in range(self.message_count):
            self.message_keys[i] = self._take(8)
        self.spent = min(SPENT_MAX, self._take(8) / 100.0) if self._packed[1] & HAS_ORDERS else 0.0

    @cython.cfunc
    def _read_ints(self) -> cython.void:
        kind: cython.int
        i: cython.int
        for kind in range(KIND_PRICE_BANDS):
            for i in range(self.sizes[kind]):
                self.keys[kind, i] = self._take(4)
        for i in range(self.promotion_count):
            self.promotion_keys[i] = self._take(4)
        for i in range(self.search_count):
            self.search_keys[i] = self._take(4)
        for i in range(self.dismissed_count):
            self.dismissed_keys[i] = self._take(4)
        for i in range(self.bought_count):
            self.bought_category[i] = self._take(4)
        self.orders = self.last_order_at = 0
        if self._packed[1] & HAS_ORDERS:
            self.orders, self.last_order_at = self._take(4), self._take(4)

    @cython.cfunc
    def _read_ages(self) -> cython.void:
        i: cython.int
        size: cython.int = 4 if self._packed[1] & WIDE_AGES else 2
        at: cython.longlong = self.at
        for i in range(self.recent_count):
            self.recent_at[i] = at - self._take(size)
        for i in range(self.cart_count):
            self.cart_at[i] = at - self._take(size)
        for i in range(self.bought_count):
            self.bought_at[i] = at - self._take(size)

    @cython.cfunc
    def _read_rest(self) -> cython.void:
        """Prices, weights of all affinities, price bands, promotions seen and answered."""
        kind: cython.int
        i: cython.int
        for i in range(self.cart_count):
            self.cart_price[i] = self._take_float()
        for i in range(self.bought_count):
            self.bought_paid[i] = self._take_float()
        for kind in range(KINDS):
            for i in range(self.sizes[kind]):
                self.codes[kind, i] = self._take(1)
        for i in range(self.sizes[KIND_PRICE_BANDS]):
            self.keys[KIND_PRICE_BANDS, i] = self._take(1)
        for i in range(self.promotion_count):
            self.promotion_seen[i], self.promotion_answered[i] = self._take(1), self._take(1)

    @cython.cfunc
    @cython.inline
    def _take(self, size: cython.int) -> cython.ulonglong:
        """The next number, of so many bytes."""
        number: cython.ulonglong = 0
        i: cython.int
        for i in range(self._next + size - 1, self._next - 1, -1):
            number = number << 8 | self._packed[i]
        self._next += size
        return number

    @cython.cfunc
    def _take_key(self) -> cython.longlong:
        """The next item key, 48 bits in eight bytes."""
        key: cython.longlong = self._take(6)
        self._next += 2
        return key

    @cython.cfunc
    def _take_float(self) -> cython.double:
        self._float_bits[0] = self._take(4)
        return self._float[0]
