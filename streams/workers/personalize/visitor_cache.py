"""The visitors this worker met last: state and fills, so that most records need no read.

The newest keep their state as it is; of the others only the packed bytes stay, a fifth of its size.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from models.visitor.packing import unpack
from models.visitor.state import VisitorState
from schemas.ids import VisitorId
from streams.workers.group.ownership import Holding

UNPACKED = 8_000
"""Visitors whose state is kept ready: those with several events in the same seconds."""


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
        """The state, unpacked anew when it was let go."""
        return unpack(self._packed) if self._state is None else self._state

    def drop_unpacked(self) -> None:
        """Keep the packed bytes alone, when there are any."""
        if self._packed:
            self._state = None


class VisitorCache:
    """Least recently used goes first. An entry of another holding than the current one is void."""

    def __init__(self, size: int, *, unpacked: int = UNPACKED) -> None:
        self._size, self._unpacked = size, unpacked
        self._entries: OrderedDict[VisitorId, CachedVisitor] = OrderedDict()
        self._ready: OrderedDict[VisitorId, CachedVisitor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[VisitorId]:
        return iter(self._entries)

    def get(self, visitor: VisitorId, holding: Holding) -> CachedVisitor | None:
        """What is remembered under this very holding."""
        entry = self._entries.get(visitor)
        if entry is None:
            return None
        if entry.holding is not holding:
            del self._entries[visitor]
            self._ready.pop(visitor, None)
            return None
        return entry

    def put(self, visitor: VisitorId, entry: CachedVisitor) -> None:
        """Remember as the most recent; the least recent leaves when there is no room."""
        for kept in (self._entries, self._ready):
            kept[visitor] = entry
            kept.move_to_end(visitor)
        if len(self._ready) > self._unpacked:
            self._ready.popitem(last=False)[1].drop_unpacked()
        if len(self._entries) > self._size:
            gone, _ = self._entries.popitem(last=False)
            self._ready.pop(gone, None)
