"""How much an item may gain at once: a share of what the crowd usually says, so that nobody is a crowd alone.

A leaky bucket for each item and kind of count, which leaks at a share of the usual traffic. An item that runs
at that share for ever loses nothing, and a burst adds what fits into its bucket. Own heuristic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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


class KindLimits:
    """The buckets of one kind of count; an item that is not in `levels` has an empty one."""

    __slots__ = ("full", "gained", "held_back", "levels", "room", "usual")

    def __init__(self) -> None:
        self.levels: dict[ItemId, float] = {}
        self.full: set[ItemId] = set()
        """Items of which a voice was held back in this window."""
        self.room = ROOM_MIN
        self.usual = self.gained = self.held_back = 0.0

    def admit(self, item: ItemId, voice: float) -> float:
        """Let an item gain a voice; returns how much of it, 0 to `voice`."""
        level = self.levels.get(item, 0.0)
        if level + voice > self.room:
            admitted = max(0.0, self.room - level)
            self.held_back += voice - admitted
            self.full.add(item)
            voice = admitted
        self.levels[item] = level + voice
        self.gained += voice
        return voice

    def end_window(self, seconds: float, share: float) -> None:
        """Move time on; the gains of this window are `share` of what is usual from now on."""
        self.usual += (self.gained / seconds - self.usual) * share
        rate = max(RATE_MIN, SHARE_MAX * self.usual)
        self.room = max(ROOM_MIN, ROOM_S * rate)
        self.gained = self.held_back = 0.0
        self.full.clear()
        leak = rate * seconds
        self.levels = {item: level - leak for item, level in self.levels.items() if level > leak}


class GainLimits:
    """Bounds what items gain, by kind of count.

    Within `seconds` an item gains at most room + rate · seconds of a kind, with rate = max(RATE_MIN,
    SHARE_MAX · usual) and room = max(ROOM_MIN, ROOM_S · rate), where usual is the mean of all voices a second
    that were let through. After a start it grows from nothing, first over START_S, in the end over USUAL_S.

    Complexity: O(1) a voice; O(items gained lately) a window.
    """

    def __init__(self) -> None:
        self.kinds: Mapping[CountName, KindLimits] = {name: KindLimits() for name in get_args(CountName)}
        self._age = 0.0

    def held_back(self) -> float:
        """Voices of all kinds that were not let through in this window."""
        return sum(kind.held_back for kind in self.kinds.values())

    def end_window(self, seconds: float) -> None:
        """Move time on by the length of the window that ends, above 0."""
        share = -math.expm1(-seconds / min(USUAL_S, START_S + self._age))
        self._age += seconds
        for kind in self.kinds.values():
            kind.end_window(seconds, share)
