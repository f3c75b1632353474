"""How a chunk is cut into slices, and what becomes of a round when some of it cannot be written at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from models.visitor.packing import pack
from models.visitor.state import EMPTY
from schemas.errors import Fenced, Regressed, StoreUnavailable
from schemas.ids import VisitorId
from streams.stores.protocols import Claim, SliceWrite, WriteOutcome
from streams.workers.group.ownership import Holding
from streams.workers.group.round_processor import HeldChunk
from streams.workers.personalize.decider import LiveLayoutUpdate
from streams.workers.personalize.decoding import DecodedChunk
from streams.workers.personalize.slices import (
    SLICE_BYTES,
    PreparedChunk,
    SliceSender,
    TouchedVisitor,
    cut_slices,
)

STATE = pack(replace(EMPTY, incarnation=7, offset=11))


def chunk_of(count: int, *, body: bytes | None = b"{}") -> PreparedChunk:
    before: Any = None
    holding = Holding(3, Claim("1:x", 4), turn=1, at=4, reason="assigned")
    update = LiveLayoutUpdate(head=b"h", body=body, fills=None)
    touched = [
        TouchedVisitor(VisitorId(f"a:{n}"), before, STATE, None, [0.0], [], update) for n in range(count)
    ]
    return PreparedChunk(HeldChunk(holding, [], 12), DecodedChunk(), touched, (1.0, 2.0, 3.0))


def test_each_slice_begins_where_the_one_before_ends() -> None:
    slices = cut_slices(chunk_of(5), 2)
    assert [(one.expect_done, one.expect_part, one.done, one.part) for one in slices] == [
        (4, 0, 4, 1), (4, 1, 4, 2), (4, 2, 12, 0),
    ]  # fmt: skip
    assert {one.last for one in slices} == {(12, 0)}
    assert [visitor.visitor for one in slices for visitor in one.visitors] == [f"a:{n}" for n in range(5)]
    assert {visitor.version for one in slices for visitor in one.visitors} == {"7.3.11"}
    assert {one.times for one in slices} == {(1.0, 2.0, 3.0)}


def test_a_chunk_that_changed_nobody_moves_done() -> None:
    (one,) = cut_slices(chunk_of(0))
    assert (one.expect_done, one.done, one.part, one.visitors) == (4, 12, 0, [])


def test_a_slice_is_bounded_by_its_bytes_too() -> None:
    slices = cut_slices(chunk_of(7, body=b"x" * (SLICE_BYTES // 3)))
    assert [len(one.visitors) for one in slices] == [2, 2, 2, 1]
    slices = cut_slices(chunk_of(2, body=b"x" * SLICE_BYTES))
    assert [len(one.visitors) for one in slices] == [1, 1], "one that is too large alone is written alone"


class Answering:
    """A store that answers with what is prepared, and remembers what it was asked."""

    def __init__(self, *outcomes: Sequence[WriteOutcome]) -> None:
        self._outcomes = list(outcomes)
        self.asked: list[list[tuple[int, int]]] = []

    async def write_all(self, writes: Sequence[SliceWrite]) -> list[WriteOutcome]:
        self.asked.append([(one.partition, one.expect_part) for one in writes])
        return list(self._outcomes.pop(0))


AWAY, FENCED, REGRESSED = StoreUnavailable("away"), Fenced("x"), Regressed("x", done=1)


def sender_of(store: Any) -> SliceSender:
    first = cut_slices(chunk_of(3), 1)
    second = [replace(one, partition=5) for one in cut_slices(chunk_of(2), 1)]
    return SliceSender(store, [first, second])


async def test_all_slices_of_a_round_leave_in_one_send() -> None:
    store = Answering([None] * 5)
    sender = sender_of(store)
    await sender()
    assert store.asked == [[(3, 0), (3, 1), (3, 2), (5, 0), (5, 1)]]
    assert sender.refused == {}


async def test_a_chunk_that_is_refused_leaves_the_round_alone() -> None:
    sender = sender_of(Answering([None, FENCED, REGRESSED, None, None]))
    await sender()
    assert sender.refused == {0: FENCED}


async def test_what_is_unknown_is_sent_again_from_there() -> None:
    """That the slices behind it are refused is a consequence, and no loss of the store."""
    store = Answering([None, AWAY, REGRESSED, None, None], [None, None])
    sender = sender_of(store)
    with pytest.raises(StoreUnavailable):
        await sender()
    await sender()
    assert store.asked[1] == [(3, 1), (3, 2)]
    assert sender.refused == {}
