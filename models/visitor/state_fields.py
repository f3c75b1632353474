"""The fields of a visitor's state in C types, their bounds, and the bytes they are read from."""

from struct import calcsize
from typing import Any

import cython

from models import use_compiled

if not cython.compiled:
    from models.visitor.decay import WEIGHT_OF_CODE

PACKED_MAX = cython.declare(cython.int, 1024)
"""Bytes; no state is larger (a test fills every collection)."""
KEY_BITS = cython.declare(cython.ulonglong, 0xFFFF_FFFF_FFFF)
"""Of an item's key, which is a hash48."""

# Kinds of affinities, in the order of the packed state: the first index of `keys` and `codes`.
KIND_CATEGORIES = cython.declare(cython.int, 0)
KIND_BRANDS = cython.declare(cython.int, 1)
KIND_COLOURS = cython.declare(cython.int, 2)
KIND_SIZES = cython.declare(cython.int, 3)
KIND_NOW_CATEGORIES = cython.declare(cython.int, 4)
KIND_NOW_BRANDS = cython.declare(cython.int, 5)
KIND_BOUGHT_CATEGORIES = cython.declare(cython.int, 6)
KIND_PRICE_BANDS = cython.declare(cython.int, 7)
"""Its keys are price bands, 0 to 15; those of all other kinds are hash32 of a name."""
KINDS = cython.declare(cython.int, 8)

# Lengths of the collections: own choice, not tuned; together they keep a state within PACKED_MAX bytes.
PROMOTIONS_MAX = cython.declare(cython.int, 6)
SEARCHES_MAX = cython.declare(cython.int, 4)
DISMISSED_MAX = cython.declare(cython.int, 4)
RECENT_MAX = cython.declare(cython.int, 12)
WISHLIST_MAX = cython.declare(cython.int, 8)
CART_MAX = cython.declare(cython.int, 8)
BOUGHT_MAX = cython.declare(cython.int, 8)
MESSAGES_MAX = cython.declare(cython.int, 16)
SIZE_MAX = cython.declare(
    cython.const[cython.uchar][::1], memoryview(bytes((8, 6, 4, 3, 4, 4, 6, 6, 6, 4, 4, 12, 8, 8, 8, 16)))
)
"""The same in the order of the packed state; the first eight are those of the affinities, by kind."""

# The window: message ids that left the list of the newest ones (models.visitor.sessions).
WINDOW_VERSION = cython.declare(cython.int, 1)
WINDOW_HEAD = cython.declare(cython.int, 5)
"""Bytes: the version, then the minute (epoch) of the oldest id in four."""
WINDOW_ENTRY = cython.declare(cython.int, 9)
"""Bytes of an id: how many minutes after the oldest it left the list, then its hash64."""
WINDOW_IDS_MAX = cython.declare(cython.int, 4096)
WINDOW_BYTES_MAX = cython.declare(cython.int, 5 + 9 * 4096)

PRICE_STEPS = cython.declare(cython.double, 2048)
"""ln(1 + price) is kept to 1/2048: 0.05 % of the price, in two bytes up to 1e9."""
SPENT_MAX = cython.declare(cython.double, 1e12)


def allocate(code: Any, *shape: int) -> Any:
    """Zeroed numbers of a struct format, as a view of one or two dimensions."""
    count = shape[0] * (shape[1] if len(shape) > 1 else 1)
    return memoryview(bytearray(count * calcsize(code))).cast(code, shape)


@cython.cfunc
def may_be_window(packed: bytes, start: cython.int) -> cython.bint:
    """Whether what stands from `start` on has the length and the head of a window, or is nothing."""
    length: cython.int = len(packed) - start
    if length == 0:
        return True
    if length < WINDOW_HEAD + WINDOW_ENTRY or length > WINDOW_BYTES_MAX:
        return False
    return (length - WINDOW_HEAD) % WINDOW_ENTRY == 0 and packed[start] == WINDOW_VERSION


@cython.ccall
def is_window(window: bytes) -> cython.bint:
    """Whether bytes are a window that fold wrote, or none at all. Any bytes may be asked about."""
    if not may_be_window(window, 0):
        return False
    last: cython.int = 0
    place: cython.int
    for place in range(WINDOW_HEAD, len(window), WINDOW_ENTRY):
        if window[place] < last or (place == WINDOW_HEAD and window[place] > 0):
            return False
        last = window[place]
    return True


@cython.cclass
class PackedBytes:
    """Little-endian numbers taken from the front of bytes, or put one after the other into new ones."""

    packed: bytes
    """What is read; at least as long as what is taken."""
    next: cython.int
    _memory: Any
    _out: cython.uchar[::1]
    _float: cython.float[::1]
    _float_bits: cython.uint[::1]

    def __init__(self) -> None:
        self.packed, self.next = b"", 0
        self._memory = memoryview(bytearray(PACKED_MAX))
        self._out = self._memory
        one_float = memoryview(bytearray(4))
        self._float, self._float_bits = one_float.cast("f"), one_float.cast("I")

    @cython.final
    @cython.cfunc
    @cython.inline
    def take(self, size: cython.int) -> cython.ulonglong:
        """The next number, of so many bytes."""
        number: cython.ulonglong = 0
        i: cython.int
        for i in range(self.next + size - 1, self.next - 1, -1):
            number = number << 8 | self.packed[i]
        self.next += size
        return number

    @cython.final
    @cython.cfunc
    def take_keys(self, keys: cython.longlong[::1], count: cython.int, size: cython.int) -> cython.void:
        """The next `count` keys, of at most 48 bits, each in `size` bytes."""
        i: cython.int
        for i in range(count):
            keys[i] = self.take(size) & KEY_BITS

    @cython.final
    @cython.cfunc
    def take_times(
        self, times: cython.longlong[::1], count: cython.int, size: cython.int, at: cython.longlong
    ) -> cython.void:
        """The next `count` times, each kept as seconds before `at`."""
        i: cython.int
        for i in range(count):
            times[i] = at - cython.cast(cython.longlong, self.take(size))

    @cython.final
    @cython.cfunc
    def take_floats(self, numbers: cython.double[::1], count: cython.int) -> cython.void:
        i: cython.int
        for i in range(count):
            self._float_bits[0] = self.take(4)
            numbers[i] = self._float[0]

    @cython.final
    @cython.cfunc
    @cython.inline
    def put(self, number: cython.ulonglong, size: cython.int) -> cython.void:
        """The lowest so many bytes of a number, next."""
        i: cython.int
        for i in range(self.next, self.next + size):
            self._out[i] = number & 0xFF
            number >>= 8
        self.next += size

    @cython.final
    @cython.cfunc
    def put_keys(self, keys: cython.longlong[::1], count: cython.int, size: cython.int) -> cython.void:
        i: cython.int
        for i in range(count):
            self.put(keys[i], size)

    @cython.final
    @cython.cfunc
    def put_times(
        self, times: cython.longlong[::1], count: cython.int, size: cython.int, at: cython.longlong
    ) -> cython.void:
        i: cython.int
        for i in range(count):
            self.put(at - times[i], size)

    @cython.final
    @cython.cfunc
    def put_floats(self, numbers: cython.double[::1], count: cython.int) -> cython.void:
        i: cython.int
        for i in range(count):
            self._float[0] = numbers[i]
            self.put(self._float_bits[0], 4)

    @cython.final
    @cython.cfunc
    def end_packing(self) -> bytes:
        """All that was put since `next` was 0."""
        return bytes(self._memory[: self.next])


@cython.cclass
class StateFields(PackedBytes):
    """The fields of VisitorState, flat; a collection is parallel arrays and how many entries they hold.

    Times are epoch seconds; arrays may hold more entries than a collection, whose size is beside them.
    """

    incarnation: cython.longlong
    offset: cython.longlong
    at: cython.longlong
    first_at: cython.longlong
    events: cython.longlong
    sessions: cython.longlong
    session_at: cython.longlong
    session_events: cython.longlong
    session_views: cython.longlong
    orders: cython.longlong
    last_order_at: cython.longlong
    shares: cython.longlong
    returns_to_item: cython.longlong
    carts_left: cython.longlong
    consent: cython.longlong
    spent: cython.double
    price: cython.double
    price_weight_code: cython.int
    bought_price: cython.double
    dwell: cython.double
    sizes: cython.int[::1]
    keys: cython.uint[:, ::1]
    codes: cython.int[:, ::1]
    recent_count: cython.int
    recent_keys: cython.longlong[::1]
    recent_at: cython.longlong[::1]
    recent_views: cython.int[::1]
    recent_dwell: cython.int[::1]
    wishlist_count: cython.int
    wishlist_keys: cython.longlong[::1]
    cart_count: cython.int
    cart_keys: cython.longlong[::1]
    cart_at: cython.longlong[::1]
    cart_quantity: cython.int[::1]
    cart_price: cython.double[::1]
    bought_count: cython.int
    bought_keys: cython.longlong[::1]
    bought_at: cython.longlong[::1]
    bought_paid: cython.double[::1]
    bought_category: cython.uint[::1]
    search_count: cython.int
    search_keys: cython.longlong[::1]
    dismissed_count: cython.int
    dismissed_keys: cython.longlong[::1]
    promotion_count: cython.int
    promotion_keys: cython.longlong[::1]
    promotion_seen: cython.int[::1]
    promotion_answered: cython.int[::1]
    message_count: cython.int
    message_keys: cython.ulonglong[::1]
    window: bytes
    """Message ids that left `message_keys`; b"" for none."""
    channels: cython.int[::1]
    devices: cython.int[::1]

    def __init__(self) -> None:
        PackedBytes.__init__(self)
        self.sizes = allocate("i", 8)
        self.keys, self.codes = allocate("I", 8, 16), allocate("i", 8, 16)
        self.recent_keys, self.recent_at = allocate("q", 16), allocate("q", 16)
        self.recent_views, self.recent_dwell = allocate("i", 16), allocate("i", 16)
        self.wishlist_keys = allocate("q", 16)
        self.cart_keys, self.cart_at = allocate("q", 16), allocate("q", 16)
        self.cart_quantity, self.cart_price = allocate("i", 16), allocate("d", 16)
        self.bought_keys, self.bought_at = allocate("q", 16), allocate("q", 16)
        self.bought_paid, self.bought_category = allocate("d", 16), allocate("I", 16)
        self.search_keys, self.dismissed_keys = allocate("q", 16), allocate("q", 16)
        self.promotion_keys = allocate("q", 16)
        self.promotion_seen, self.promotion_answered = allocate("i", 16), allocate("i", 16)
        self.message_keys = allocate("Q", 16)
        self.channels, self.devices = allocate("i", 6), allocate("i", 5)
        self.clear()

    @cython.final
    @cython.cfunc
    def clear(self) -> cython.void:
        """Make it the state of a new visitor."""
        i: cython.int
        self.incarnation, self.offset = 0, -1
        self.at = self.first_at = self.events = 0
        self.sessions = self.session_at = self.session_events = self.session_views = 0
        self.orders = self.last_order_at = 0
        self.shares = self.returns_to_item = self.carts_left = self.consent = 0
        self.spent = self.price = self.bought_price = self.dwell = 0.0
        self.price_weight_code = 0
        for i in range(KINDS):
            self.sizes[i] = 0
        self.recent_count = self.wishlist_count = self.cart_count = self.bought_count = 0
        self.search_count = self.dismissed_count = self.promotion_count = self.message_count = 0
        self.window = b""
        for i in range(6):
            self.channels[i] = 0
        for i in range(5):
            self.devices[i] = 0

    @cython.final
    @cython.cfunc
    def price_weight(self) -> cython.double:
        """How much evidence `price` has, in plain views."""
        return WEIGHT_OF_CODE[self.price_weight_code]


if not cython.compiled:
    use_compiled(globals())
