"""What the crowd does to one item: deltas folded into a decayed, bounded Signal.

Every count decays by half-lives, so that a signal is a statement about now and never grows without bound.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.ids import ItemId
from schemas.signals import Delta, Neighbour, Signal

HOUR, DAY = 3600.0, 86400.0
TREND_HALF_LIFE = 6 * HOUR
POPULARITY_HALF_LIFE = 7 * DAY
"""Also of carts, purchases and shares, so that their ratio to popularity is a rate."""
NEIGHBOUR_HALF_LIFE = 14 * DAY
CO_VIEWED_MAX = 50
CO_BOUGHT_MAX = 20
NEIGHBOUR_FLOOR = 0.01
"""Neighbours below this weight are forgotten."""


def half(seconds: float, half_life: float) -> float:
    """What is left of 1 after `seconds` (never more than 1)."""
    return float(0.5 ** (max(seconds, 0.0) / half_life))


def empty_signal(item_id: ItemId) -> Signal:
    return Signal(item_id=item_id, at=0.0, delta_offset=-1)


def apply_delta(signal: Signal | None, delta: Delta, delta_offset: int) -> Signal:
    """`signal` with `delta` counted once: a delta at or before `delta_offset` changes nothing.

    A delta older than the signal is counted as what is left of it by now.
    """
    old = signal or empty_signal(delta.item_id)
    if delta_offset <= old.delta_offset:
        return old
    at = max(old.at, delta.at)
    new = at - delta.at
    trend = old.trend * half(at - old.at, TREND_HALF_LIFE) + delta.views * half(new, TREND_HALF_LIFE)
    keep, fresh = half(at - old.at, POPULARITY_HALF_LIFE), half(new, POPULARITY_HALF_LIFE)
    ties = half(at - old.at, NEIGHBOUR_HALF_LIFE), half(new, NEIGHBOUR_HALF_LIFE)
    return Signal(
        item_id=old.item_id,
        at=at,
        delta_offset=delta_offset,
        trend=round(trend, 4),
        popularity=round(old.popularity * keep + delta.views * fresh, 4),
        carts=round(old.carts * keep + delta.carts * fresh, 4),
        purchases=round(old.purchases * keep + delta.purchases * fresh, 4),
        shares=round(old.shares * keep + delta.shares * fresh, 4),
        co_viewed=_neighbours(old.co_viewed, delta.co_viewed, ties, CO_VIEWED_MAX),
        co_bought=_neighbours(old.co_bought, delta.co_bought, ties, CO_BOUGHT_MAX),
    )


def _neighbours(
    old: list[Neighbour], new: Mapping[ItemId, int], ties: tuple[float, float], limit: int
) -> list[Neighbour]:
    """Decayed sums, heaviest first. When full, the lightest that are not in `new` leave: a newcomer that
    came last would otherwise never gather weight."""
    weights = {n.item_id: n.weight * ties[0] for n in old}
    for item, count in new.items():
        weights[item] = weights.get(item, 0.0) + count * ties[1]
    kept = [(item, weight) for item, weight in weights.items() if weight >= NEIGHBOUR_FLOOR]
    if len(kept) > limit:
        kept.sort(key=lambda pair: (pair[0] not in new, -pair[1], pair[0]))
        del kept[limit:]
    kept.sort(key=lambda pair: (-pair[1], pair[0]))
    return [Neighbour(item, round(weight, 4)) for item, weight in kept]
