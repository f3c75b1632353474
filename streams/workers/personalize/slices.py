"""What one chunk changed, cut into slices, each of which one script writes in one step."""

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
    """A visitor whom the chunk changed; `applied` are its records with the state before each."""

    visitor: VisitorId
    before: CachedVisitor
    state: VisitorState
    body: bytes | None
    arrivals: list[float]
    applied: list[tuple[VisitorState, EventRecord]]


def batches(many: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut into pieces of `size`, the last one smaller."""
    iterator = iter(many)
    while batch := list(islice(iterator, size)):
        yield batch


def slices(
    batch: Sequence[TouchedVisitor], updates: Sequence[LiveLayoutUpdate | None]
) -> list[tuple[list[TouchedVisitor], list[LiveLayoutUpdate | None]]]:
    """Cut so that no slice holds more than SLICE_LAYOUTS whole layouts."""
    parts: list[tuple[list[TouchedVisitor], list[LiveLayoutUpdate | None]]] = [([], [])]
    layouts = 0
    for one, update in zip(batch, updates, strict=True):
        layouts += update is not None and update.body is not None
        if layouts > SLICE_LAYOUTS:
            parts.append(([], []))
            layouts = 1
        parts[-1][0].append(one)
        parts[-1][1].append(update)
    return parts


def slice_write(
    holding: Holding,
    part: Sequence[TouchedVisitor],
    updates: Sequence[LiveLayoutUpdate | None],
    end: int | None,
) -> SliceWrite:
    """What one slice writes.

    Args:
        holding: names the epoch and the checkpoint that the store must stand at.
        part: the slice's visitors.
        updates: what becomes of each one's layout; None: it is dropped.
        end: the next offset to apply, with the last slice of a chunk; None: more slices follow.
    """
    return SliceWrite(
        partition=holding.partition,
        epoch=holding.epoch,
        expect_done=holding.done,
        expect_part=holding.part,
        done=holding.done if end is None else end,
        part=holding.part + 1 if end is None else 0,
        visitors=[_visitor_write(holding, one, update) for one, update in zip(part, updates, strict=True)],
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
