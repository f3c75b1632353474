"""Events through the real fold, with the crowd's signals growing beside it: what was known at each moment.

A moment is yielded before its event is folded, with the snapshot of the last refresh: no feature sees the
target or anything later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from msgspec import Struct, field

from models.catalog.build import build_items, with_signals
from models.catalog.signal_aggregation import apply_delta
from models.catalog.signal_extraction import extract
from models.catalog.table import ItemTable
from models.training.simulation.shoppers import Shown
from models.visitor.fold import fold
from models.visitor.state import EMPTY, EventRecord, VisitorState
from schemas.catalog import Item
from schemas.events import ViewItem
from schemas.ids import ItemId
from schemas.signals import Delta, Signal


class Moment(Struct, frozen=True, eq=False):
    """Just before a visitor looks at the item of row `target`."""

    table: ItemTable
    state: VisitorState
    visitor: str
    at: float
    target: int
    page: str
    category: str | None


class _Sum(Struct):
    """Counts of one item since the last refresh."""

    at: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    co_viewed: Counter[ItemId] = field(default_factory=Counter)
    co_bought: Counter[ItemId] = field(default_factory=Counter)


Together = Literal["co_viewed", "co_bought"]


class CrowdSums:
    """Pre-aggregates facts as a worker does, and folds them into signals as the items agent does."""

    def __init__(self) -> None:
        self._sums: dict[ItemId, _Sum] = {}
        self._signals: dict[ItemId, Signal] = {}
        self._offset = 0

    def add(self, state: VisitorState, record: EventRecord, table: ItemTable) -> None:
        facts = extract(state, record, table)
        if facts is None:
            return
        for item in facts.items:
            self._sum(item, record.arrival).counts[facts.count] += 1
        for one, other in facts.pairs:
            self._pair(facts.together, one, other, facts.weight, record.arrival)
            self._pair(facts.together, other, one, facts.weight, record.arrival)

    def flush(self) -> dict[ItemId, Signal]:
        """The signals that changed since the last flush."""
        changed = {}
        for item, one in self._sums.items():
            self._offset += 1
            delta = Delta(
                item_id=item,
                at=one.at,
                co_viewed=dict(one.co_viewed),
                co_bought=dict(one.co_bought),
                **one.counts,
            )
            changed[item] = apply_delta(self._signals.get(item), delta, self._offset)
        self._signals.update(changed)
        self._sums = {}
        return changed

    def _sum(self, item: ItemId, at: float) -> _Sum:
        one = self._sums.setdefault(item, _Sum())
        one.at = max(one.at, at)
        return one

    def _pair(self, together: Together, item: ItemId, other: ItemId, weight: int, at: float) -> None:
        getattr(self._sum(item, at), together)[other] += weight


def replay(
    items: Sequence[Item], events: Sequence[Shown], period: Callable[[float], object]
) -> Iterator[Moment]:
    """Moments of all looks at known items. The snapshot is renewed when `period(at)` changes."""
    if not events:
        return
    table = build_items(items, {}, events[0].at)
    states: dict[str, VisitorState] = {}
    crowd = CrowdSums()
    current = period(events[0].at)
    for offset, shown in enumerate(events):
        if period(shown.at) != current:
            current = period(shown.at)
            table = with_signals(table, crowd.flush(), shown.at)
        state = states.get(shown.visitor, EMPTY)
        target = _target(shown, table)
        if target >= 0:
            yield Moment(table, state, shown.visitor, shown.at, target, shown.page, shown.category)
        record = EventRecord(shown.event, 0, offset, shown.at, 1)
        crowd.add(state, record, table)
        states[shown.visitor] = fold(state, record)


def _target(shown: Shown, table: ItemTable) -> int:
    if isinstance(shown.event, ViewItem):
        return table.row_of(shown.event.properties.items[0].item_id)
    return -1
