"""Crowd signals: counts of one worker and flush window (deltas), decayed sums per item (signals)."""

from __future__ import annotations

from msgspec import Struct

from schemas.ids import ItemId


class Delta(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one worker saw of one item in one flush window, on `item-deltas.v1` keyed by item.

    Counts are sums of voices: a visitor is one at most, a newcomer less.
    """

    item_id: ItemId
    at: float
    """Epoch seconds of the window's newest arrival."""
    views: float = 0.0
    carts: float = 0.0
    purchases: float = 0.0
    shares: float = 0.0
    co_viewed: dict[ItemId, float] = {}
    co_bought: dict[ItemId, float] = {}


class Neighbour(Struct, frozen=True, array_like=True, gc=False):
    item_id: ItemId
    weight: float


class Signal(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The crowd's view of one item, on `item-signals.v1` keyed by item (compacted).

    `trend` is the decayed count with a half-life of hours, `popularity` with days. `delta_offset` is the
    last delta included, so that a restart never counts one twice; `done` is the offset below which every
    delta of the partition stands in written signals, so that a restart knows where to read on.
    """

    item_id: ItemId
    at: float
    delta_offset: int
    done: int = 0
    trend: float = 0.0
    popularity: float = 0.0
    carts: float = 0.0
    purchases: float = 0.0
    shares: float = 0.0
    co_viewed: list[Neighbour] = []
    co_bought: list[Neighbour] = []
