"""Cuts the visitors changed by a chunk into slices; each is written atomically by one Redis Lua script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeVar

from msgspec import Struct

from models.visitor.packing import pack
from models.visitor.state import EventRecord, VisitorState
from schemas.ids import VisitorId
from streams.stores.protocols import SliceWrite, VisitorWrite
from streams.workers.group.ownership import Holding
from streams.workers.personalize.decider import LiveLayoutUpdate
from streams.workers.personalize.visitor_cache import CachedVisitor

T = TypeVar("T")

SLICE_VISITORS = 64
"""States written by one script: about 0.4 ms of Redis."""
SLICE_LAYOUTS = 32
"""Whole layouts (4 to 5 KB each) written by one script."""


class TouchedVisitor(Struct, gc=False):
    """A visitor whom the chunk changed.

    Attributes:
        visitor: Its id.
        before: The visitor as last written.
        state: The state after the records applied so far.
        body: The stored layout's body, when it was loaded from the store; None: not stored, or not read.
        arrivals: Broker append times of the applied records, epoch seconds.
        applied: (state before, record) of each applied record.
    """

    visitor: VisitorId
    before: CachedVisitor
    state: VisitorState
    body: bytes | None
    arrivals: list[float]
    applied: list[tuple[VisitorState, EventRecord]]


def split_batches(many: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Batches of `size`, the last one possibly smaller."""
    iterator = iter(many)
    while batch := list(islice(iterator, size)):
        yield batch


def split_by_layouts(
    batch: Sequence[TouchedVisitor], updates: Sequence[LiveLayoutUpdate | None]
) -> list[tuple[list[TouchedVisitor], list[LiveLayoutUpdate | None]]]:
    """Cuts a batch into (visitors, updates) with at most SLICE_LAYOUTS whole layouts each.

    An update of None deletes the visitor's stored layout.
    """
    slices: list[tuple[list[TouchedVisitor], list[LiveLayoutUpdate | None]]] = [([], [])]
    layouts = 0
    for one, update in zip(batch, updates, strict=True):
        layouts += update is not None and update.body is not None
        if layouts > SLICE_LAYOUTS:
            slices.append(([], []))
            layouts = 1
        slices[-1][0].append(one)
        slices[-1][1].append(update)
    return slices


def build_write(
    holding: Holding,
    touched: Sequence[TouchedVisitor],
    updates: Sequence[LiveLayoutUpdate | None],
    end: int | None,
) -> SliceWrite:
    """The write of one slice.

    Args:
        holding: the claim: epoch and expected checkpoint; the write fails if the store's differ.
        touched: the slice's visitors.
        updates: the layout update of each; None: its stored layout is deleted.
        end: the next offset to apply, with the last slice of a chunk; None: more slices follow.
    """
    return SliceWrite(
        partition=holding.partition,
        epoch=holding.epoch,
        expect_done=holding.done,
        expect_part=holding.part,
        done=holding.done if end is None else end,
        part=holding.part + 1 if end is None else 0,
        visitors=[_visitor_write(holding, one, update) for one, update in zip(touched, updates, strict=True)],
    )


def _visitor_write(holding: Holding, one: TouchedVisitor, update: LiveLayoutUpdate | None) -> VisitorWrite:
    state = one.state
    return VisitorWrite(
        visitor=one.visitor,
        state=pack(state),
        version=f"{state.incarnation}.{holding.partition}.{state.offset}",
        head=update.head if update else None,
        body=update.body if update else None,
        drop_layout=update is None,
    )
