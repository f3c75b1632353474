"""What one chunk changed, cut into pieces that one script writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeVar

from msgspec import Struct

from models.visitor.state import EventRecord, VisitorState
from schemas.ids import VisitorId
from streams.workers.personalize.decider import LiveLayoutUpdate
from streams.workers.personalize.visitor_cache import CachedVisitor

T = TypeVar("T")

SLICE_VISITORS = 64
"""States written by one script: about 0.4 ms of Redis."""
SLICE_LAYOUTS = 32
"""Whole layouts (4 to 5 KB each) written by one script."""


class Touched(Struct, gc=False):
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
    batch: Sequence[Touched], updates: Sequence[LiveLayoutUpdate | None]
) -> list[tuple[list[Touched], list[LiveLayoutUpdate | None]]]:
    """Cut so that no slice holds more than SLICE_LAYOUTS whole layouts."""
    parts: list[tuple[list[Touched], list[LiveLayoutUpdate | None]]] = [([], [])]
    layouts = 0
    for one, update in zip(batch, updates, strict=True):
        layouts += update is not None and update.body is not None
        if layouts > SLICE_LAYOUTS:
            parts.append(([], []))
            layouts = 1
        parts[-1][0].append(one)
        parts[-1][1].append(update)
    return parts
