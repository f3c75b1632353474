"""How much an item may gain at once: a share of what the crowd usually says, so that nobody is a crowd alone.

A leaky bucket for each item and kind of count, which leaks at a share of the usual traffic. An item that runs
at that share for ever loses nothing, and a burst adds what fits into its bucket. Own heuristic.
"""

from __future__ import annotations

import math
from collections.abc import Set
from typing import get_args

from models.catalog.signals.extraction import CountName
from schemas.ids import ItemId

# Own choice, not tuned.
SHARE_MAX = 0.2
"""Share of the usual traffic that one item may be."""
USUAL_S = 300.0
"""Time constant of the mean that says what is usual: a second moves it by a three-hundredth."""
START_S = 10.0
"""The time constant after a start; it grows with time to USUAL_S."""
RATE_MIN = 0.1
"""Voices a second that an item may gain in a shop of any size: 360 in an hour."""
ROOM_MIN = 2.0
"""Voices that always fit into an empty bucket."""
ROOM_S = 1.0
"""Otherwise the bucket holds what leaks in this time."""


class _Buckets:
    """The buckets of one kind of count; an item that is not in `levels` has an empty one."""

    def __init__(self) -> None:
        self.levels: dict[ItemId, float] = {}
        self.full: set[ItemId] = set()
        self.room = ROOM_MIN
        self.usual = self.gained = 0.0


class GainLimits:
    """Bounds what items gain, by kind of count.

    Within `seconds` an item gains at most room + rate · seconds of a kind, with rate = max(RATE_MIN,
    SHARE_MAX · usual) and room = max(ROOM_MIN, ROOM_S · rate), where usual is the mean of all voices a second
    that were let through. After a start it grows from nothing, first over START_S, in the end over USUAL_S.

    Complexity: O(1) a voice; O(items gained lately) a window.
    """

    def __init__(self) -> None:
        self._buckets: dict[CountName, _Buckets] = {name: _Buckets() for name in get_args(CountName)}
        self._age = 0.0
        self.held_back = 0.0
        """Voices that were not let through in this window."""

    def admit(self, count: CountName, item: ItemId, voice: float) -> float:
        """Let an item gain a voice of a kind; returns how much of it, 0 to `voice`."""
        buckets = self._buckets[count]
        level = buckets.levels.get(item, 0.0)
        if level + voice > buckets.room:
            admitted = max(0.0, buckets.room - level)
            self.held_back += voice - admitted
            buckets.full.add(item)
            voice = admitted
        buckets.levels[item] = level + voice
        buckets.gained += voice
        return voice

    def full(self, count: CountName) -> Set[ItemId]:
        """Items of which a voice of a kind was held back in this window."""
        return self._buckets[count].full

    def end_window(self, seconds: float) -> None:
        """Move time on by the length of the window that ends, above 0."""
        self.held_back = 0.0
        share = -math.expm1(-seconds / min(USUAL_S, START_S + self._age))
        self._age += seconds
        for buckets in self._buckets.values():
            buckets.usual += (buckets.gained / seconds - buckets.usual) * share
            rate = max(RATE_MIN, SHARE_MAX * buckets.usual)
            buckets.room, buckets.gained = max(ROOM_MIN, ROOM_S * rate), 0.0
            buckets.full.clear()
            leak = rate * seconds
            buckets.levels = {item: level - leak for item, level in buckets.levels.items() if level > leak}
