"""How much an item may gain at once: a share of what the crowd usually says, so that nobody is a crowd alone.

A leaky bucket for each item and kind of count, which leaks at a share of the usual traffic. An item that runs
at that share for ever loses nothing, and a burst adds what fits into its bucket. Of that one source adds a
bounded part (`source_rooms`). Own heuristic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

from models.catalog.signals.extraction import CountName
from models.catalog.signals.source_rooms import SourceRooms
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
KNOWN_SHARE = 0.5
"""Share of an item's room for sources that added to the item lately; the rest waits for others."""


Reason = Literal["item", "source"]
"""Whose bound held a voice back."""


class KindLimits:
    """The buckets of one kind of count; an item that is not in `levels` has an empty one."""

    __slots__ = (
        "full", "full_of_source", "gained", "held_back", "held_back_of_sources", "known_room", "levels",
        "room", "sources", "usual",
    )  # fmt: skip

    def __init__(self) -> None:
        self.levels: dict[ItemId, float] = {}
        self.full: set[ItemId] = set()
        """Items of which a voice was held back in this window."""
        self.full_of_source: set[tuple[int, ItemId]] = set()
        """The same of items that a source added too much to."""
        self.room = ROOM_MIN
        self.known_room = ROOM_MIN * KNOWN_SHARE
        """Its part for sources that added to an item lately."""
        self.usual = self.gained = self.held_back = self.held_back_of_sources = 0.0
        self.sources = SourceRooms()

    def admit(self, item: ItemId, voice: float, source: int = 0) -> float:
        """Let an item gain a voice.

        Args:
            item: what gains.
            voice: above 0.
            source: where it comes from, 0 if that is not known; then nothing but the item bounds it.

        Returns:
            How much of it, 0 to `voice`.
        """
        level = self.levels.get(item, 0.0)
        if level + voice > self.room:
            admitted = max(0.0, self.room - level)
            self.held_back += voice - admitted
            self.full.add(item)
            voice = admitted
        if source and voice:
            admitted = self.sources.admit(source, item, voice, self.known_room - level)
            if admitted < voice:
                self.held_back_of_sources += voice - admitted
                self.full_of_source.add((source, item))
                voice = admitted
        self.levels[item] = level + voice
        self.gained += voice
        return voice

    def end_window(self, seconds: float, share: float) -> None:
        """Move time on; the gains of this window are `share` of what is usual from now on."""
        self.usual += (self.gained / seconds - self.usual) * share
        rate = max(RATE_MIN, SHARE_MAX * self.usual)
        self.room = max(ROOM_MIN, ROOM_S * rate)
        self.known_room = self.room * KNOWN_SHARE
        self.gained = self.held_back = self.held_back_of_sources = 0.0
        self.sources.move_on(seconds)
        self.full.clear()
        self.full_of_source.clear()
        leak = rate * seconds
        self.levels = {item: level - leak for item, level in self.levels.items() if level > leak}


class GainLimits:
    """Bounds what items gain, by kind of count.

    Within `seconds` an item gains at most room + rate · seconds of a kind, with rate = max(RATE_MIN,
    SHARE_MAX · usual) and room = max(ROOM_MIN, ROOM_S · rate), where usual is the mean of all voices a second
    that were let through. After a start it grows from nothing, first over START_S, in the end over USUAL_S.
    Of that one source adds at most SOURCE_ROOM + seconds / VOICE_S (`source_rooms`), and beyond its first
    voice only to the first KNOWN_SHARE of the room.

    Complexity: O(1) a voice; O(items gained lately) a window.
    """

    def __init__(self) -> None:
        self.kinds: Mapping[CountName, KindLimits] = {name: KindLimits() for name in get_args(CountName)}
        self._age = 0.0

    def held_back(self) -> Mapping[Reason, float]:
        """Voices of all kinds that were not let through in this window, by whose bound it was."""
        kinds = self.kinds.values()
        return {
            "item": sum(kind.held_back for kind in kinds),
            "source": sum(kind.held_back_of_sources for kind in kinds),
        }

    def end_window(self, seconds: float) -> None:
        """Move time on by the length of the window that ends, above 0."""
        share = -math.expm1(-seconds / min(USUAL_S, START_S + self._age))
        self._age += seconds
        for kind in self.kinds.values():
            kind.end_window(seconds, share)
