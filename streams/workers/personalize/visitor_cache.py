"""An LRU cache of visitors as last written (state and fills), so that most records need no read.

The most recent keep their state unpacked; the others only the packed bytes, a fifth of its size.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from models.visitor.packing import unpack
from models.visitor.state import VisitorState
from schemas.ids import VisitorId
from streams.workers.group.ownership import Holding

UNPACKED_MAX = 8_000
"""Visitors whose state is kept unpacked: those with several events in the same seconds."""


class CachedVisitor:
    """One visitor as last written under `holding`; `packed` are the bytes of `state`.

    `fills` is what the live layout shows (None: unknown or dropped); `shown_at` when it was last written (s).
    """

    __slots__ = ("_packed", "_state", "fills", "holding", "shown_at")

    def __init__(
        self, holding: Holding, state: VisitorState, fills: Any, shown_at: float, *, packed: bytes = b""
    ) -> None:
        self.holding = holding
        self._state: VisitorState | None = state
        self._packed = packed
        self.fills = fills
        self.shown_at = shown_at

    @property
    def state(self) -> VisitorState:
        """The state; unpacked anew, at each call, after `drop_unpacked`."""
        return unpack(self._packed) if self._state is None else self._state

    def drop_unpacked(self) -> None:
        """Keep only the packed bytes, when there are any."""
        if self._packed:
            self._state = None


class VisitorCache:
    """Up to `size` visitors, `unpacked` of them with their state unpacked; least recently used leave first.

    An entry of another holding than the current one is void: the store may have gone back meanwhile. Every
    operation takes constant time.
    """

    def __init__(self, size: int, *, unpacked: int = UNPACKED_MAX) -> None:
        self._size, self._unpacked = size, unpacked
        self._entries: OrderedDict[VisitorId, CachedVisitor] = OrderedDict()
        self._unpacked_entries: OrderedDict[VisitorId, CachedVisitor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[VisitorId]:
        return iter(self._entries)

    def get(self, visitor: VisitorId, holding: Holding) -> CachedVisitor | None:
        """The entry cached under this very holding, else None; an entry of another one is dropped."""
        entry = self._entries.get(visitor)
        if entry is None:
            return None
        if entry.holding is not holding:
            del self._entries[visitor]
            self._unpacked_entries.pop(visitor, None)
            return None
        return entry

    def put(self, visitor: VisitorId, entry: CachedVisitor) -> None:
        """Cache as the most recent; past `size` the least recent leaves."""
        for kept in (self._entries, self._unpacked_entries):
            kept[visitor] = entry
            kept.move_to_end(visitor)
        if len(self._unpacked_entries) > self._unpacked:
            self._unpacked_entries.popitem(last=False)[1].drop_unpacked()
        if len(self._entries) > self._size:
            gone, _ = self._entries.popitem(last=False)
            self._unpacked_entries.pop(gone, None)
