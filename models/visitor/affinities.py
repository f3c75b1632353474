"""Affinities of a visitor, from the items[] of an event: categories, brands, colours, sizes, prices."""

from collections.abc import Sequence
from functools import lru_cache

import cython
from cython.cimports.libc.math import log1p, log2

from models import use_compiled
from schemas.events import EventItem
from schemas.ids import hash32, hash48

if not cython.compiled:
    from models.visitor.decay import (
        BOUGHT_TICK_S,
        LONG_TICK_S,
        NOW_TICK_S,
        WEIGHT_OF_CODE,
        code_of,
        count_ticks,
        decay_gain,
        nearest_whole,
    )
    from models.visitor.state_fields import (
        KIND_BOUGHT_CATEGORIES,
        KIND_BRANDS,
        KIND_CATEGORIES,
        KIND_COLOURS,
        KIND_NOW_BRANDS,
        KIND_NOW_CATEGORIES,
        KIND_PRICE_BANDS,
        KIND_SIZES,
        PRICE_STEPS,
        SIZE_MAX,
    )
    from models.visitor.typed_state import TypedState

PRICE_LEVEL_MAX = cython.declare(cython.double, 65_535)
BOUGHT_PRICE_SHARE = cython.declare(cython.double, 0.3)
"""How much the newest purchase moves the mean price of purchases. Own choice, not tuned."""

# Names repeat over events, hashes do not change: remembered, bounded to a few MB.
label_key = lru_cache(maxsize=1 << 14)(hash32)
item_key = lru_cache(maxsize=1 << 15)(hash48)


@cython.ccall
def price_band(price: cython.double) -> cython.int:
    """Band 0 to 15 of a price: one and a half bands an octave, the last from about 1,000 up."""
    return min(15, int(1.5 * log2(1.0 + price)))


@cython.cfunc
def price_level(value: cython.double) -> cython.double:
    """ln(1 + price), or a mean of such, as the state keeps it."""
    return min(PRICE_LEVEL_MAX, nearest_whole(value * PRICE_STEPS)) / PRICE_STEPS


@cython.cfunc
def category_key(item: EventItem) -> cython.uint:
    """hash32 of the finest category, 0 when the item names none; GA4 counts from the department down."""
    name = (
        item.item_category5
        or item.item_category4
        or item.item_category3
        or item.item_category2
        or item.item_category
    )
    return label_key(name) if name else 0


@cython.cfunc
def update_affinities(
    state: TypedState, items: Sequence[EventItem], gain: cython.double, at: cython.longlong
) -> cython.void:
    """Adds a gain to every affinity the items of an event speak for.

    Args:
        state: The state, its time moved on to the event; changed in place.
        items: The items of the event.
        gain: Weight added for each item, in plain views; of a late event what is left of it.
        at: When the event happened, epoch seconds.
    """
    lasting: cython.double = decay_gain(gain, at, state.at, LONG_TICK_S)
    passing: cython.double = decay_gain(gain, at, state.at, NOW_TICK_S)
    for item in items:
        category: cython.uint = category_key(item)
        if category:
            _add_weight(state, KIND_CATEGORIES, category, lasting)
            _add_weight(state, KIND_NOW_CATEGORIES, category, passing)
        if item.item_brand:
            brand: cython.uint = label_key(item.item_brand)
            _add_weight(state, KIND_BRANDS, brand, lasting)
            _add_weight(state, KIND_NOW_BRANDS, brand, passing)
        if item.colour:
            _add_weight(state, KIND_COLOURS, label_key(item.colour), lasting)
        if item.size:
            _add_weight(state, KIND_SIZES, label_key(item.size), lasting)
        if item.price is not None:
            _update_price(state, item.price, lasting)


@cython.cfunc
def _update_price(state: TypedState, price: cython.double, gain: cython.double) -> cython.void:
    _add_weight(state, KIND_PRICE_BANDS, price_band(price), gain)
    weight: cython.double = state.price_weight() + gain
    code: cython.int = code_of(weight)
    if code:
        state.price = price_level(state.price + gain / weight * (log1p(price) - state.price))
        state.price_weight_code = code


@cython.cfunc
def update_category_affinity(
    state: TypedState, name: str, gain: cython.double, at: cython.longlong
) -> cython.void:
    """Adds `gain` to one category by name, which a category page or an item list names without items."""
    key: cython.uint = label_key(name)
    _add_weight(state, KIND_CATEGORIES, key, decay_gain(gain, at, state.at, LONG_TICK_S))
    _add_weight(state, KIND_NOW_CATEGORIES, key, decay_gain(gain, at, state.at, NOW_TICK_S))


@cython.cfunc
def update_purchase_affinities(
    state: TypedState, items: Sequence[EventItem], at: cython.longlong
) -> cython.void:
    """Adds 1 to the purchase affinity of each item bought, whatever its quantity."""
    gain: cython.double = decay_gain(1.0, at, state.at, BOUGHT_TICK_S)
    for item in items:
        category: cython.uint = category_key(item)
        if category:
            _add_weight(state, KIND_BOUGHT_CATEGORIES, category, gain)
        if item.price is not None:
            level: cython.double = log1p(item.price)
            if state.bought_price:
                level = state.bought_price + BOUGHT_PRICE_SHARE * (level - state.bought_price)
            state.bought_price = price_level(level)


@cython.cfunc
def _add_weight(state: TypedState, kind: cython.int, key: cython.uint, gain: cython.double) -> cython.void:
    """Adds a gain to one affinity, quantised; a gain too small for a step adds no new one.

    A newcomer to a full kind takes the place of the lightest, so a new interest always enters, whatever older
    ones weigh.
    """
    i: cython.int
    for i in range(state.sizes[kind]):
        if state.keys[kind, i] == key:
            state.codes[kind, i] = code_of(WEIGHT_OF_CODE[state.codes[kind, i]] + gain)
            return
    code: cython.int = code_of(gain)
    if code == 0:
        return
    if state.sizes[kind] >= SIZE_MAX[kind]:
        _remove_lightest(state, kind)
    size: cython.int = state.sizes[kind]
    state.keys[kind, size], state.codes[kind, size] = key, code
    state.sizes[kind] = size + 1


@cython.cfunc
def _remove_lightest(state: TypedState, kind: cython.int) -> cython.void:
    i: cython.int
    last: cython.int = state.sizes[kind] - 1
    lightest: cython.int = 0
    for i in range(1, last + 1):
        if state.codes[kind, i] < state.codes[kind, lightest]:
            lightest = i
    for i in range(lightest, last):
        state.keys[kind, i], state.codes[kind, i] = state.keys[kind, i + 1], state.codes[kind, i + 1]
    state.sizes[kind] = last


@cython.cfunc
def decay_affinities(state: TypedState, now: cython.longlong) -> cython.void:
    """Decays by the ticks from `state.at` to `now`, if that is later; a long tick is many short ones."""
    kind: cython.int
    now_ticks: cython.longlong = count_ticks(state.at, now, NOW_TICK_S)
    if now_ticks == 0:
        return
    _decay_kind(state, KIND_NOW_CATEGORIES, now_ticks)
    _decay_kind(state, KIND_NOW_BRANDS, now_ticks)
    long_ticks: cython.longlong = count_ticks(state.at, now, LONG_TICK_S)
    if long_ticks == 0:
        return
    for kind in (KIND_CATEGORIES, KIND_BRANDS, KIND_COLOURS, KIND_SIZES, KIND_PRICE_BANDS):
        _decay_kind(state, kind, long_ticks)
    state.price_weight_code = max(0, state.price_weight_code - long_ticks)
    _decay_kind(state, KIND_BOUGHT_CATEGORIES, count_ticks(state.at, now, BOUGHT_TICK_S))


@cython.cfunc
def _decay_kind(state: TypedState, kind: cython.int, steps: cython.longlong) -> cython.void:
    """What has decayed to nothing leaves; the others keep their order."""
    i: cython.int
    kept: cython.int = 0
    for i in range(state.sizes[kind]):
        if state.codes[kind, i] > steps:
            state.keys[kind, kept] = state.keys[kind, i]
            state.codes[kind, kept] = state.codes[kind, i] - steps
            kept += 1
    state.sizes[kind] = kept


if not cython.compiled:
    use_compiled(globals())
