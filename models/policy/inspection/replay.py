"""Replay: a recorded session walked through the code that serves, without services and without a clock.

Each record gives the visitor's state before and after it, the best candidates and the layout. A record's time
is its arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from models.layout.fills.packed_fills import PackedFills
from models.policy.decide import decide
from models.policy.inspection.explain import explainer_of
from models.policy.layout_decision import LayoutDecision, PageRequest
from models.policy.snapshot import Snapshot
from models.visitor.fold import fold_packed
from models.visitor.packing import unpack
from models.visitor.state import EventRecord, VisitorState
from schemas.events import Event
from schemas.ids import ItemId, Version, VisitorId
from schemas.layouts import Why
from schemas.storefront import PageType

ITEMS_EXPLAINED = 5


class Step(Struct, frozen=True, eq=False, kw_only=True):
    """One record of a replay.

    Attributes:
        record: The event as it arrived.
        visitor: Whose it is.
        before: The visitor's state before it.
        state: The state after it.
        top: The best candidates with their explanations.
        decision: The layout after it.
    """

    record: EventRecord
    visitor: VisitorId
    before: VisitorState
    state: VisitorState
    top: list[tuple[ItemId, Why]]
    decision: LayoutDecision


def replay(
    snapshot: Snapshot, records: Iterable[EventRecord], *, page: PageType = "home", top: int = ITEMS_EXPLAINED
) -> Iterator[Step]:
    """Folds records and decides a page after each, as worker and gateway would.

    Args:
        snapshot: Shop, feature index and rankers, the same for all steps.
        records: In order of arrival; visitors may be mixed and are kept apart.
        page: The page decided.
        top: How many candidates a step names.

    Yields:
        A step for each record.
    """
    states: dict[VisitorId, bytes] = {}
    shown: dict[VisitorId, PackedFills] = {}
    for record in records:
        visitor = record.event.visitor
        before = states.get(visitor, b"")
        state = states[visitor] = fold_packed(before, record)
        version = Version(record.incarnation, record.partition, record.offset)
        request = PageRequest(
            visitor=visitor,
            state=state,
            version=version,
            page=page,
            previous=shown.get(visitor),
            explained=True,
        )
        decision = decide(snapshot, [request], record.arrival)[0]
        shown[visitor] = decision.fills
        yield Step(
            record=record,
            visitor=visitor,
            before=unpack(before),
            state=unpack(state),
            top=best_candidates(decision, top),
            decision=decision,
        )


def records_of(events: Iterable[Event], *, incarnation: int = 1, partition: int = 0) -> Iterator[EventRecord]:
    """Events as records with offsets from 0: each arrives when it happened, never before the one ahead."""
    arrival = 0.0
    for offset, event in enumerate(events):
        arrival = max(arrival, event.timestamp.timestamp())
        yield EventRecord(event, partition, offset, arrival, incarnation)


def best_candidates(decision: LayoutDecision, count: int) -> list[tuple[ItemId, Why]]:
    """The `count` highest scored candidates with their explanations, whatever rules and slots did to them."""
    explainer = explainer_of(decision)
    ids = decision.shop.items.ids
    order = (-explainer.scores).argsort(kind="stable")[:count].tolist()
    rows = [int(explainer.candidates.rows[index]) for index in order]
    return [(ItemId(ids[row]), why) for row, why in zip(rows, explainer.explain(rows), strict=True)]
