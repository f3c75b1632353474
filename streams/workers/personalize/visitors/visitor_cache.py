"""An LRU cache of visitors (packed state with its window, and fills), so that most records need no read.

It holds them as last decided, written or not: the next round folds on while Redis writes the one before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from schemas.ids import VisitorId
from streams.workers.group.ownership import Holding

BYTES_EACH = 2048
"""Of packed states and windows, on average: a state has 1,024 at most, a window may have 37,000."""


class CachedVisitor:
    """One visitor after the records below offset `end`, under `holding`; `state` is packed, b"" for none.

    `fills` is what the live layout shows (None: unknown or dropped); `shown_at` when it was last decided (s).
    """

    __slots__ = ("end", "fills", "holding", "shown_at", "state")

    def __init__(self, holding: Holding, state: bytes, fills: Any, shown_at: float, *, end: int) -> None:
        self.holding, self.state, self.end = holding, state, end
        self.fills, self.shown_at = fills, shown_at

    @property
    def is_needed(self) -> bool:
        """Whether the store has it not yet, and may still get it: what it has is then too old to fold on."""
        done = self.holding.done
        return not self.holding.lost and (done is None or done < self.end)


class VisitorCache:
    """Up to `size` visitors of BYTES_EACH together, and all not yet written; the least recently used leave.

    An entry of another holding than the current one is void: it may never have been written, or the store
    may have gone back meanwhile. Every operation takes constant time.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._bytes = 0
        self._entries: OrderedDict[VisitorId, CachedVisitor] = OrderedDict()

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
            self._bytes -= len(self._entries.pop(visitor).state)
            return None
        return entry

    def put(self, visitor: VisitorId, entry: CachedVisitor) -> None:
        """Cache as the most recent; past the bounds the least recent leaves, once it is written."""
        entries = self._entries
        before = entries.pop(visitor, None)
        entries[visitor] = entry
        self._bytes += len(entry.state) - (len(before.state) if before else 0)
        while self._is_over() and not next(iter(entries.values())).is_needed:
            self._bytes -= len(entries.popitem(last=False)[1].state)

    def _is_over(self) -> bool:
        return len(self._entries) > self._size or self._bytes > self._size * BYTES_EACH
