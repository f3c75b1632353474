"""Affinities of a visitor, from the items[] of an event: categories, brands, colours, sizes, prices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import log1p, log2

from models.visitor.decay import (
    BOUGHT_TICK_S,
    LONG_TICK_S,
    NOW_TICK_S,
    add_weight,
    decay_gain,
    quantise,
)
from models.visitor.state import StateChanges, VisitorState
from schemas.events import EventItem
from schemas.ids import hash32, hash48

# The largest number of entries of each mapping: own choice, not tuned.
CATEGORIES_MAX = 8
BRANDS_MAX = 6
COLOURS_MAX = 4
SIZES_MAX = 3
BANDS_MAX = 6
NOW_MAX = 4
BOUGHT_CATEGORIES_MAX = 6

PRICE_STEPS = 2048
"""ln(1 + price) is kept to 1/2048: 0.05 % of the price, in two bytes up to 1e9."""
BOUGHT_PRICE_SHARE = 0.3
"""How much the newest purchase moves the mean price of purchases. Own choice, not tuned."""

# Names repeat over events, hashes do not change: remembered, bounded to a few MB.
label_key = lru_cache(maxsize=1 << 14)(hash32)
item_key = lru_cache(maxsize=1 << 15)(hash48)


@lru_cache(maxsize=1 << 12)
def price_band(price: float) -> int:
    """Band 0 to 15 of a price: one and a half bands an octave, the last from about 1,000 up."""
    return min(15, int(1.5 * log2(1.0 + price)))


def price_level(value: float) -> float:
    """ln(1 + price), or a mean of such, as the state keeps it."""
    return min(65_535, round(value * PRICE_STEPS)) / PRICE_STEPS


def finest_category(item: EventItem) -> str | None:
    """The finest level given; GA4 counts from the department down."""
    return (
        item.item_category5
        or item.item_category4
        or item.item_category3
        or item.item_category2
        or item.item_category
    )


def category_key(item: EventItem) -> int:
    """hash32 of the finest category, 0 when the item names none."""
    name = finest_category(item)
    return label_key(name) if name else 0


def update_affinities(
    state: VisitorState, changes: StateChanges, items: Sequence[EventItem], gain: float, at: int
) -> None:
    """Adds a gain to every affinity the items of an event speak for.

    Args:
        state: The state before the event.
        changes: The changes of the event so far, with `at`; filled in place.
        items: The items of the event.
        gain: Weight added for each item, in plain views; of a late event what is left of it.
        at: When the event happened, epoch seconds.
    """
    long = decay_gain(gain, at, changes["at"], LONG_TICK_S)
    short = decay_gain(gain, at, changes["at"], NOW_TICK_S)
    _update_categories_and_brands(state, changes, items, long, short)
    _update_colours_and_sizes(state, changes, items, long)
    for item in items:
        if item.price is not None:
            _update_price(state, changes, item.price, long)


def _update_categories_and_brands(
    state: VisitorState, changes: StateChanges, items: Sequence[EventItem], long: float, short: float
) -> None:
    categories = dict(changes.get("categories", state.categories))
    now_categories = dict(changes.get("now_categories", state.now_categories))
    brands = dict(changes.get("brands", state.brands))
    now_brands = dict(changes.get("now_brands", state.now_brands))
    for item in items:
        category = category_key(item)
        if category:
            add_weight(categories, category, long, CATEGORIES_MAX)
            add_weight(now_categories, category, short, NOW_MAX)
        if item.item_brand:
            brand = label_key(item.item_brand)
            add_weight(brands, brand, long, BRANDS_MAX)
            add_weight(now_brands, brand, short, NOW_MAX)
    changes["categories"] = categories
    changes["now_categories"] = now_categories
    changes["brands"] = brands
    changes["now_brands"] = now_brands


def _update_colours_and_sizes(
    state: VisitorState, changes: StateChanges, items: Sequence[EventItem], gain: float
) -> None:
    for item in items:
        if item.colour:
            colours = dict(changes.get("colours", state.colours))
            add_weight(colours, label_key(item.colour), gain, COLOURS_MAX)
            changes["colours"] = colours
        if item.size:
            sizes = dict(changes.get("sizes", state.sizes))
            add_weight(sizes, label_key(item.size), gain, SIZES_MAX)
            changes["sizes"] = sizes


def _update_price(state: VisitorState, changes: StateChanges, price: float, gain: float) -> None:
    bands = dict(changes.get("price_bands", state.price_bands))
    add_weight(bands, price_band(price), gain, BANDS_MAX)
    changes["price_bands"] = bands
    mean = changes.get("price", state.price)
    weight = changes.get("price_weight", state.price_weight)
    heavier = quantise(weight + gain)
    if heavier:
        share = gain / (weight + gain)
        changes["price"] = price_level(mean + share * (log1p(price) - mean))
        changes["price_weight"] = heavier


def update_category_affinity(
    state: VisitorState, changes: StateChanges, name: str, gain: float, at: int
) -> None:
    """Adds `gain` to one category by name, which a category page or an item list names without items."""
    now = changes["at"]
    key = label_key(name)
    categories = dict(changes.get("categories", state.categories))
    add_weight(categories, key, decay_gain(gain, at, now, LONG_TICK_S), CATEGORIES_MAX)
    changes["categories"] = categories
    now_categories = dict(changes.get("now_categories", state.now_categories))
    add_weight(now_categories, key, decay_gain(gain, at, now, NOW_TICK_S), NOW_MAX)
    changes["now_categories"] = now_categories


def update_purchase_affinities(
    state: VisitorState, changes: StateChanges, items: Sequence[EventItem], at: int
) -> None:
    """Adds 1 to the purchase affinity of each item bought, whatever its quantity."""
    gain = decay_gain(1.0, at, changes["at"], BOUGHT_TICK_S)
    categories = dict(changes.get("bought_categories", state.bought_categories))
    for item in items:
        category = category_key(item)
        if category:
            add_weight(categories, category, gain, BOUGHT_CATEGORIES_MAX)
        if item.price is not None:
            _update_purchase_price(state, changes, log1p(item.price))
    changes["bought_categories"] = categories


def _update_purchase_price(state: VisitorState, changes: StateChanges, level: float) -> None:
    mean = changes.get("bought_price", state.bought_price)
    mean = mean + BOUGHT_PRICE_SHARE * (level - mean) if mean else level
    changes["bought_price"] = price_level(mean)
