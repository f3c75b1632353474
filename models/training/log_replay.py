"""Replays events through the real fold while the crowd's signals grow beside it: what was known at each view.

Point in time: a view is yielded before its event is folded, with the snapshot of the last refresh, so no
feature sees the target or anything later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct, field

from models.catalog.build import build_items, with_signals
from models.catalog.signals.aggregation import apply_delta
from models.catalog.signals.extraction import NeighbourKind, extract
from models.catalog.table import ItemTable
from models.features.index import FeatureIndex, index_features
from models.training.simulation.shoppers import ContextualEvent
from models.visitor.fold import fold_packed
from models.visitor.packing import unpack
from models.visitor.state import EventRecord, VisitorState
from schemas.catalog import Item
from schemas.events import ViewItem
from schemas.ids import ItemId
from schemas.signals import Delta, Signal


class LabelledView(Struct, frozen=True, eq=False):
    """What was known just before a visitor viewed an item, and which one it was."""

    index: FeatureIndex
    """The items and signals of the last refresh."""
    state: VisitorState
    """The state before the view."""
    visitor: str
    at: float
    """Epoch seconds of the view."""
    target: int
    """The label: the row of the item viewed."""
    page: str
    """The page on which it was chosen."""
    category: str | None
    """The category of that page, if it has one."""

    @property
    def table(self) -> ItemTable:
        table: ItemTable = self.index.table
        return table


class _ItemSums(Struct):
    """Counts of one item since the last refresh."""

    at: float = 0.0
    counts: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    co_viewed: defaultdict[ItemId, float] = field(default_factory=lambda: defaultdict(float))
    co_bought: defaultdict[ItemId, float] = field(default_factory=lambda: defaultdict(float))


class SignalAccumulator:
    """Combines interactions into deltas as a worker does, and deltas into signals as the items agent does."""

    def __init__(self) -> None:
        self._sums: dict[ItemId, _ItemSums] = {}
        self._signals: dict[ItemId, Signal] = {}
        self._offset = 0

    def add(self, packed: bytes, record: EventRecord, table: ItemTable) -> None:
        """Counts one record; `packed` is the visitor's state before it."""
        interactions = extract(packed, record, table)
        if interactions is None:
            return
        for item in interactions.items:
            self._sums_of(item, record.arrival).counts[interactions.count] += interactions.voice
        kind, weight = interactions.together, interactions.weight * interactions.voice
        for one, other in interactions.pairs:
            self._add_pair(kind, one, other, weight, record.arrival)
            self._add_pair(kind, other, one, weight, record.arrival)

    def flush(self) -> dict[ItemId, Signal]:
        """The signals that changed since the last flush."""
        changed = {}
        for item, sums in self._sums.items():
            self._offset += 1
            delta = Delta(
                item_id=item,
                at=sums.at,
                co_viewed=dict(sums.co_viewed),
                co_bought=dict(sums.co_bought),
                **sums.counts,
            )
            changed[item] = apply_delta(self._signals.get(item), delta, self._offset)
        self._signals.update(changed)
        self._sums = {}
        return changed

    def _sums_of(self, item: ItemId, at: float) -> _ItemSums:
        sums = self._sums.setdefault(item, _ItemSums())
        sums.at = max(sums.at, at)
        return sums

    def _add_pair(self, kind: NeighbourKind, item: ItemId, other: ItemId, weight: float, at: float) -> None:
        getattr(self._sums_of(item, at), kind)[other] += weight


def replay(
    items: Sequence[Item], events: Sequence[ContextualEvent], period: Callable[[float], object]
) -> Iterator[LabelledView]:
    """Replays events in the order of time.

    Args:
        items: The catalogue, the same for all of the replay.
        events: Events in the order of their arrival.
        period: A function of epoch seconds; signals are refreshed when its value changes, so that a view
            knows the signals of finished periods only.

    Yields:
        One labelled view for each view_item event of an item in the catalogue.
    """
    if not events:
        return
    index = index_features(build_items(items, {}, events[0].at))
    states: dict[str, bytes] = {}
    signals = SignalAccumulator()
    current = period(events[0].at)
    for offset, one in enumerate(events):
        if period(one.at) != current:
            current = period(one.at)
            index = index_features(with_signals(index.table, signals.flush(), one.at), index)
        packed = states.get(one.visitor, b"")
        target = _find_target(one, index.table)
        if target >= 0:
            yield LabelledView(index, unpack(packed), one.visitor, one.at, target, one.page, one.category)
        record = EventRecord(one.event, 0, offset, one.at, 1)
        signals.add(packed, record, index.table)
        states[one.visitor] = fold_packed(packed, record)


def _find_target(one: ContextualEvent, table: ItemTable) -> int:
    """The row of the item viewed; -1 for another event or an unknown item."""
    if isinstance(one.event, ViewItem):
        return table.row_of(one.event.properties.items[0].item_id)
    return -1
