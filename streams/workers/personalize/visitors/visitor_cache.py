"""An LRU cache of visitors (packed state and fills), so that most records need no read.

It holds them as last decided, written or not: the next round folds on while Redis writes the one before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from schemas.ids import VisitorId
from streams.workers.group.ownership import Holding


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
    """Up to `size` visitors, and all that are not yet written; of the others the least recently used leave.

    An entry of another holding than the current one is void: it may never have been written, or the store
    may have gone back meanwhile. Every operation takes constant time.
    """

    def __init__(self, size: int) -> None:
        self._size = size
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
            del self._entries[visitor]
            return None
        return entry

    def put(self, visitor: VisitorId, entry: CachedVisitor) -> None:
        """Cache as the most recent; past `size` the least recent leaves, once it is written."""
        entries = self._entries
        entries[visitor] = entry
        entries.move_to_end(visitor)
        while len(entries) > self._size and not next(iter(entries.values())).is_needed:
            entries.popitem(last=False)
