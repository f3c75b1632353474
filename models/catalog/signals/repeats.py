"""What a visitor said of an item today already: it is no voice twice, whatever the visitor does in between.

A visitor's state remembers the last dozen of items; who looks at a dozen others can say the same again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from msgspec.structs import replace

from models.catalog.signals.extraction import AGAIN_S, ItemInteractions
from schemas.ids import ItemId, VisitorId

VISITORS_MAX = 20_000
"""Visitors remembered, some 15 MB when each has said all it can."""
BITS = 4096
"""Of what a visitor said, one each: of 40 things a fifth of one is taken for another one, and not counted."""


class Repeats:
    """Bits of the visitors who said something last, cleared a day after their first; constant time an item.

    Not exact (a Bloom filter with one hash, that nobody outside can compute), and forgotten by a restart.
    """

    def __init__(self) -> None:
        self._said: OrderedDict[VisitorId, tuple[int, float]] = OrderedDict()

    def new_of(self, visitor: VisitorId, found: ItemInteractions, at: float) -> ItemInteractions | None:
        """Those of a visitor's interactions that it did not have today, which are remembered.

        Args:
            visitor: who.
            found: what one event says.
            at: when it arrived, epoch seconds.

        Returns:
            `found` itself when all are new; None when none is.
        """
        said, since = self._said.pop(visitor, (0, at))
        if at - since > AGAIN_S:
            said, since = 0, at
        new: list[ItemId] = []
        for item in found.items:
            bit = 1 << (hash((found.count, item)) % BITS)
            if not said & bit:
                said |= bit
                new.append(item)
        self._said[visitor] = said, since
        if len(self._said) > VISITORS_MAX:
            self._said.popitem(last=False)
        return found if len(new) == len(found.items) else _only(found, new)


def _only(found: ItemInteractions, items: Sequence[ItemId]) -> ItemInteractions | None:
    """What is said of some of the items."""
    if not items:
        return None
    some = set(items)
    pairs = [pair for pair in found.pairs if pair[0] in some]
    return replace(found, items=list(items), pairs=pairs)
