"""A simulated shop whose signals go the real way, from events to the pages that a stranger is shown."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from models.catalog.build import build_items, with_signals
from models.catalog.signals.source_rooms import SourceRooms
from models.policy.decide import popular_layout
from models.policy.layout_decision import PageRequest
from models.policy.snapshot import Snapshot, build_snapshot
from models.ranking.onnx import load_ranker
from models.storefront.shop import Shop, build_shop, with_items
from models.training.simulation.catalogue import SimulatedShop
from models.visitor.fold import fold_packed
from models.visitor.state import EventRecord
from schemas import events as e
from schemas.codec import encode
from schemas.ids import ItemId, VisitorId
from schemas.layouts import LayoutSlot
from schemas.signals import Signal
from schemas.storefront import PAGE_ORDER
from streams.runtime.clock import ManualClock
from streams.runtime.telemetry.metrics import Metrics
from streams.workers.signals.combiner import FLUSH_EVERY_S, SignalCombiner
from streams.workers.signals.partition_sums import PartitionSums

KINDS: dict[str, type[e.ViewItem] | type[e.AddToCart] | type[e.Purchase] | type[e.Share]] = {
    "view_item": e.ViewItem,
    "add_to_cart": e.AddToCart,
    "purchase": e.Purchase,
    "share": e.Share,
}
Pages = dict[tuple[str, str | None], list[LayoutSlot]]


class _Record:
    """A delta as Kafka holds it."""

    topic, partition, timestamp = "item-deltas", 0, 0
    key: bytes | None = None

    def __init__(self, offset: int, value: bytes) -> None:
        self.offset = offset
        self.value: bytes | None = value


class CrowdedShop:
    """One worker's combiner and one partition of sums, around a clock that stands still between events."""

    def __init__(self, simulated: SimulatedShop, at: float) -> None:
        self.categories = list(simulated.by_kind)
        self.clock, self.metrics = ManualClock(at), Metrics()
        self.shop: Shop = build_shop(build_items(simulated.items, {}, at), built_at=at)
        self._combiner = SignalCombiner("shop", self.metrics, self.clock)
        self._sums, self._ranker = PartitionSums(), load_ranker()
        self._states: dict[str, bytes] = {}
        self._window_ends, self._offset, self._sent = at + FLUSH_EVERY_S, 0, 0

    def copy(self) -> CrowdedShop:
        """Another one that goes on from here."""
        memo: dict[int, object] = {id(one): one for one in (self.shop, self._ranker, self.metrics)}
        # compiled, they cannot be copied; until now no event had a source
        memo |= {id(kind.sources): SourceRooms() for kind in self._combiner._limits.kinds.values()}
        return copy.deepcopy(self, memo)

    def receive(self, event: e.Event, visitor: str, source: int = 0) -> None:
        """An event arrives now, from a source if that is known."""
        now = self.clock.now()
        self._sent += 1
        record = EventRecord(event, 0, self._sent, now, 1, source)
        before = self._states.get(visitor, b"")
        self._combiner.add(before, record, self.shop)
        self._states[visitor] = fold_packed(before, record)

    def wait_until(self, at: float) -> None:
        """Time goes on to `at`, if it is later; windows end as they do."""
        while self._window_ends <= at:
            self.clock.advance(max(0.0, self._window_ends - self.clock.now()))
            deltas = self._combiner.drain()
            for delta in deltas:
                self._offset += 1
                self._sums.apply([_Record(self._offset, encode(delta))])
            # of quiet times one window is enough
            self._window_ends += FLUSH_EVERY_S
            if not deltas:
                self._window_ends = max(self._window_ends, at)
        self.clock.advance(max(0.0, at - self.clock.now()))

    def signals(self) -> dict[ItemId, Signal]:
        """What is written of all items that were interacted with since the last time."""
        self.wait_until(self.clock.now() + 2 * FLUSH_EVERY_S)
        signals = {signal.item_id: signal for signal in self._sums.start_flush()}
        self._sums.finish_flush()
        return signals

    def pages(self, items: Iterable[str], at: float) -> Pages:
        """What a stranger is shown on all pages, with the signals of now, decayed to `at`."""
        table = with_signals(self.shop.items, self.signals(), at)
        self.shop = with_items(self.shop, table, generation=self.shop.generation + 1, built_at=at)
        snapshot = build_snapshot(self.shop, self._ranker)
        return {
            (request.page, request.category or request.item or request.q): _slots(snapshot, request, at)
            for request in self._requests(items)
        }

    def _requests(self, items: Iterable[str]) -> Iterator[PageRequest]:
        def about(page: str, **subject: str) -> PageRequest:
            return PageRequest(visitor=VisitorId("a:nobody"), state=b"", version=None, page=page, **subject)  # type: ignore[arg-type]

        for page in PAGE_ORDER:
            if page == "product":
                yield from (about(page, item=item) for item in items)
            elif page == "category":
                yield from (about(page, category=category) for category in self.categories)
            elif page == "search":
                yield from (about(page, q=q) for q in ("jeans", "black", "women"))
            else:
                yield about(page)


def _slots(snapshot: Snapshot, request: PageRequest, at: float) -> list[LayoutSlot]:
    return popular_layout(snapshot, request, "redis_down", at).slots


def shown_items(slots: Iterable[LayoutSlot]) -> list[str]:
    return [card.id for slot in slots for card in slot.module.items]


def made_up(kind: str, item: str, visitor: str, number: int, at: float) -> e.Event:
    """An event about one item that nobody looked at."""
    entries = [e.EventItem(item_id=item)]
    order = e.OrderProperties(items=entries, transaction_id=f"made-up-{number}")
    properties = order if kind == "purchase" else e.ItemsProperties(items=entries)
    return KINDS[kind](
        message_id=f"made-up-{visitor}-{number}",
        timestamp=datetime.fromtimestamp(at, UTC),
        anonymous_id=visitor,
        properties=properties,  # type: ignore[arg-type]
    )
