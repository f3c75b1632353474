"""How deltas add up to an item's crowd signal: decayed counts and bounded neighbour lists.

Every count decays exponentially, count(t + dt) = count(t) · 0.5 ** (dt / half_life), so that a signal is a
statement about now and never grows without bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sys import intern

from msgspec.structs import replace

from schemas.ids import ItemId
from schemas.signals import Delta, Neighbour, Signal

HOUR_S, DAY_S = 3600.0, 86400.0

# Half-lives, list lengths and the smallest weight: own choice, not tuned.
TREND_HALF_LIFE_S = 6 * HOUR_S
POPULARITY_HALF_LIFE_S = 7 * DAY_S
"""Also of carts, purchases and shares, so that their ratio to popularity is a rate."""
NEIGHBOUR_HALF_LIFE_S = 14 * DAY_S
CO_VIEWED_MAX = 50
CO_BOUGHT_MAX = 20
NEIGHBOUR_WEIGHT_MIN = 0.01
"""Neighbours below this weight are forgotten."""


def decay_factor(seconds: float, half_life: float) -> float:
    """What is left of 1 after `seconds`: 0.5 ** (seconds / half_life), at most 1."""
    return float(0.5 ** (max(seconds, 0.0) / half_life))


def empty_signal(item_id: ItemId) -> Signal:
    return Signal(item_id=item_id, at=0.0, delta_offset=-1)


def apply_delta(signal: Signal | None, delta: Delta, delta_offset: int) -> Signal:
    """Adds one delta to a signal, once.

    Args:
        signal: The item's signal so far; None before its first delta.
        delta: Counts of one flush window; `delta.at` in epoch seconds.
        delta_offset: The delta's offset in its partition, which makes a redelivery harmless.

    Returns:
        The signal decayed to the later of both times with the delta added. A delta older than the signal
        adds what is left of it by then. The very same signal when `delta_offset` was applied before.

    Complexity: O(k log k) for k neighbours, at most CO_VIEWED_MAX plus those of the delta.
    """
    old = signal or empty_signal(delta.item_id)
    if delta_offset <= old.delta_offset:
        return old
    at = max(old.at, delta.at)
    age, lateness = at - old.at, at - delta.at
    trend_keep, trend_gain = decay_factor(age, TREND_HALF_LIFE_S), decay_factor(lateness, TREND_HALF_LIFE_S)
    keep, gain = decay_factor(age, POPULARITY_HALF_LIFE_S), decay_factor(lateness, POPULARITY_HALF_LIFE_S)
    factors = decay_factor(age, NEIGHBOUR_HALF_LIFE_S), decay_factor(lateness, NEIGHBOUR_HALF_LIFE_S)
    return Signal(
        item_id=old.item_id,
        at=at,
        delta_offset=delta_offset,
        trend=round(old.trend * trend_keep + delta.views * trend_gain, 4),
        popularity=round(old.popularity * keep + delta.views * gain, 4),
        carts=round(old.carts * keep + delta.carts * gain, 4),
        purchases=round(old.purchases * keep + delta.purchases * gain, 4),
        shares=round(old.shares * keep + delta.shares * gain, 4),
        co_viewed=_add_neighbours(old.co_viewed, delta.co_viewed, factors, CO_VIEWED_MAX),
        co_bought=_add_neighbours(old.co_bought, delta.co_bought, factors, CO_BOUGHT_MAX),
    )


def _add_neighbours(
    old: list[Neighbour], new: Mapping[ItemId, float], factors: tuple[float, float], limit: int
) -> list[Neighbour]:
    """Decayed sums, heaviest first; `factors` are the decay of old and new.

    When full, the heaviest stay, and in a fifth of the places those in `new`: a newcomer that came last would
    otherwise never gather weight, and one visitor who brings many of them must not drive the others out.
    """
    weights = {n.item_id: n.weight * factors[0] for n in old}
    for item, count in new.items():
        weights[item] = weights.get(item, 0.0) + count * factors[1]
    kept = [(item, weight) for item, weight in weights.items() if weight >= NEIGHBOUR_WEIGHT_MIN]
    if len(kept) > limit:
        kept.sort(key=lambda pair: (-pair[1], pair[0]))
        lasting = limit - limit // 5
        lighter = sorted(kept[lasting:], key=lambda pair: (pair[0] not in new, -pair[1], pair[0]))
        kept = kept[:lasting] + lighter[: limit - lasting]
    kept.sort(key=lambda pair: (-pair[1], pair[0]))
    return _neighbours((item, round(weight, 4)) for item, weight in kept)


def with_shared_ids(signal: Signal) -> Signal:
    """The signal with one object for each neighbour's id, as `apply_delta` makes it; decoding copies."""
    return replace(
        signal,
        co_viewed=_neighbours((n.item_id, n.weight) for n in signal.co_viewed),
        co_bought=_neighbours((n.item_id, n.weight) for n in signal.co_bought),
    )


def _neighbours(pairs: Iterable[tuple[ItemId, float]]) -> list[Neighbour]:
    """An item is a neighbour of up to 70 others: they share its id, or each would hold a copy of it."""
    return [Neighbour(ItemId(intern(item)), weight) for item, weight in pairs]
