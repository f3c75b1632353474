"""The visitors this worker met last: state and fills, so that most records need no read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.visitor import VisitorState
from schemas.ids import VisitorId
from streams.ownership import Holding


class Remembered:
    """One visitor as last written under `holding`.

    `fills` is what the live layout shows (None: unknown or dropped); `shown_at` when it was last written (s).
    """

    __slots__ = ("fills", "holding", "shown_at", "state")

    def __init__(self, holding: Holding, state: VisitorState, fills: Any, shown_at: float) -> None:
        self.holding = holding
        self.state = state
        self.fills = fills
        self.shown_at = shown_at


class VisitorCache:
    """Least recently used goes first. An entry of another holding than the current one is void."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[VisitorId, Remembered] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[VisitorId]:
        return iter(self._entries)

    def get(self, visitor: VisitorId, holding: Holding) -> Remembered | None:
        """What is remembered under this very holding."""
        entry = self._entries.get(visitor)
        if entry is None:
            return None
        if entry.holding is not holding:
            del self._entries[visitor]
            return None
        return entry

    def put(self, visitor: VisitorId, entry: Remembered) -> None:
        """Remember as the most recent; the least recent leaves when there is no room."""
        entries = self._entries
        entries.pop(visitor, None)
        entries[visitor] = entry
        if len(entries) > self._size:
            del entries[next(iter(entries))]
