"""How much one source may add to an item: made-up visitors come from few addresses, a crowd from many.

A leaky bucket for each source and item, in a table of fixed size. Own heuristic.
"""

import cython
import numpy as np

from models import use_compiled

# Own choice; DESIGN has what honest shoppers behind one address lose by it.
SOURCE_ROOM = cython.declare(cython.double, 10.0)
"""Voices that one source may add to an item at once: offices and carriers have many behind one address."""
VOICE_S = cython.declare(cython.double, 360.0)
"""Seconds until there is room for one more."""
CELLS = cython.declare(cython.longlong, 1 << 15)
"""Pairs of a source and an item that are remembered, of each kind of count: half a megabyte."""


@cython.final
@cython.cclass
class SourceRooms:
    """What each source added lately to each item, of one kind of count.

    A pair has one cell, and of two pairs with the same cell the bucket that empties later keeps it. So nobody
    can have a full bucket forgotten by filling others less, no source is charged for what others did, and
    what has no cell is not bounded here.
    """

    _keys: cython.longlong[::1]
    _empty_at: cython.double[::1]
    _now: cython.double

    def __init__(self) -> None:
        self._now = 0.0
        self._keys = np.zeros(CELLS, np.int64).data
        self._empty_at = np.zeros(CELLS).data

    @cython.ccall
    def admit(
        self, source: cython.longlong, item: str, voice: cython.double, room: cython.double
    ) -> cython.double:
        """Let a source add to an item.

        Args:
            source: 1 to 2³² - 1.
            item: its id.
            voice: above 0.
            room: what the item has left for sources that added to it lately, voices; may be below 0.

        Returns:
            How much of it, 0 to `voice`.

        Complexity: O(1).
        """
        key: cython.longlong = hash(item) ^ (source << 31)
        cell: cython.longlong = (key ^ (key >> 31)) & (CELLS - 1)
        empty_at: cython.double = self._empty_at[cell]
        begin: cython.double = self._now
        if empty_at > begin:
            if self._keys[cell] == key:
                voice = max(0.0, min(voice, room, SOURCE_ROOM - (empty_at - begin) / VOICE_S))
                begin = empty_at
            elif empty_at > begin + voice * VOICE_S:
                return voice
        self._keys[cell] = key
        self._empty_at[cell] = begin + voice * VOICE_S
        return voice

    def move_on(self, seconds: cython.double) -> None:
        """Let time go on."""
        self._now += seconds


if not cython.compiled:
    use_compiled(globals())
