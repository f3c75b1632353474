"""Cuts the visitors changed by a chunk into slices, each written whole by one Lua script, and sends them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from models.visitor.fold import split_window
from models.visitor.packing import version_of
from models.visitor.sessions import window_end
from models.visitor.state import EventRecord
from schemas.errors import Fenced, Regressed, StoreUnavailable
from schemas.ids import VisitorId
from streams.stores.protocols import SliceWrite, VisitorStore, VisitorWrite, WindowWrite
from streams.workers.group.round_processor import HeldChunk
from streams.workers.personalize.decider import LiveLayoutUpdate
from streams.workers.personalize.decoding import DecodedChunk
from streams.workers.personalize.visitors.visitor_cache import CachedVisitor

SLICE_VISITORS = 32
"""Visitors written by one script: about 0.3 ms of Redis."""
SLICE_BYTES = 256 * 1024
"""States and layouts written by one script."""


class TouchedVisitor(Struct, gc=False):
    """A visitor whom a chunk changed.

    Attributes:
        visitor: Its id.
        before: The visitor before the chunk.
        state: The packed state after the records applied so far, with its window.
        body: The stored layout's body, when it was loaded from the store; None: not stored, or not read.
        arrivals: Broker append times of the applied records, epoch seconds.
        applied: (packed state before, record) of each applied record.
        update: What becomes of the live layout; None: the stored one is deleted.
        window_end: The minute (epoch) up to which its window is needed, once that is to be written; else 0.
    """

    visitor: VisitorId
    before: CachedVisitor
    state: bytes
    body: bytes | None
    arrivals: list[float]
    applied: list[tuple[bytes, EventRecord]]
    update: LiveLayoutUpdate | None = None
    window_end: int = 0


class PreparedChunk(Struct, gc=False):
    """A chunk that only has to be written: what it decoded to, whom it changed, when (epoch ms), and how.

    `refused`: the store refused us already while it was prepared; nothing of it is written.
    """

    chunk: HeldChunk
    decoded: DecodedChunk
    touched: list[TouchedVisitor] = []
    times: tuple[float, ...] = ()
    slices: list[SliceWrite] = []
    refused: Fenced | Regressed | None = None
    ended: Sequence[VisitorId] = ()
    """Visitors whose windows are deleted: they are over."""


def cut_slices(prepared: PreparedChunk, size: int = SLICE_VISITORS) -> list[SliceWrite]:
    """The writes of a chunk, to be carried out in this order; there is one at least, for `done`.

    Args:
        prepared: its holding says where the store must stand before the first of them, so all that came
            before must be written.
        size: visitors of one slice, at most; SLICE_BYTES bound it too.
    """
    holding, end = prepared.chunk.holding, prepared.chunk.end
    visitors = [_visitor_write(holding.partition, one) for one in prepared.touched]
    batches = list(_batch(visitors, size)) or [([], [])]
    batches[0][1][:0] = [WindowWrite(visitor=visitor) for visitor in prepared.ended]
    done, first = holding.done, holding.part
    return [
        SliceWrite(
            partition=holding.partition,
            epoch=holding.epoch,
            expect_done=done,
            expect_part=first + number,
            done=done if number < len(batches) - 1 else end,
            part=first + number + 1 if number < len(batches) - 1 else 0,
            last=(end, 0),
            visitors=batch,
            windows=windows,
            times=prepared.times,
        )
        for number, (batch, windows) in enumerate(batches)
    ]


def _visitor_write(partition: int, one: TouchedVisitor) -> tuple[VisitorWrite, WindowWrite | None]:
    update = one.update
    state, window = split_window(one.state)
    write = VisitorWrite(
        visitor=one.visitor,
        state=state,
        version=version_of(state, partition).text(),
        head=update.head if update else None,
        body=update.body if update else None,
        drop_layout=update is None,
    )
    return write, _window_write(one, window) if window else None


def _window_write(one: TouchedVisitor, window: bytes) -> WindowWrite | None:
    """What was added to the window, or all of it; None when it is as before."""
    before = split_window(one.before.state)[1]
    if window == before:
        return None
    one.window_end = window_end(window)
    kept = len(before) if window.startswith(before) else 0
    return WindowWrite(visitor=one.visitor, kept=kept, added=window[kept:])


_Batch = tuple[list[VisitorWrite], list[WindowWrite]]


def _batch(visitors: Sequence[tuple[VisitorWrite, WindowWrite | None]], size: int) -> Iterator[_Batch]:
    batch: list[VisitorWrite] = []
    windows: list[WindowWrite] = []
    filled = 0
    for one, window in visitors:
        length = len(one.state) + len(one.head or b"") + len(one.body or b"")
        length += len(window.added) if window else 0
        if batch and (len(batch) == size or filled + length > SLICE_BYTES):
            yield batch, windows
            batch, windows, filled = [], [], 0
        batch.append(one)
        windows += [window] if window else []
        filled += length
    if batch:
        yield batch, windows


class SliceSender:
    """The slices of a round on their way to the store; each call is an attempt to write what is left.

    Args:
        store: where to.
        chunks: the slices of each chunk, in order.

    Attributes:
        refused: why, for each index of a chunk that was refused.
    """

    def __init__(self, store: VisitorStore, chunks: Sequence[Sequence[SliceWrite]]) -> None:
        self._store = store
        self._left = dict(enumerate(chunks))
        self.refused: dict[int, Fenced | Regressed] = {}

    async def __call__(self) -> None:
        """Write all that is left, in one send.

        Raises:
            StoreUnavailable: of some it is not known whether they are written: they are left.
        """
        outcomes = await self._store.write_all([write for left in self._left.values() for write in left])
        since, unknown = 0, None
        for index, writes in list(self._left.items()):
            of_chunk = outcomes[since : since + len(writes)]
            since += len(writes)
            # The first failure decides: that those behind it are refused is its consequence.
            failed = next((at for at, outcome in enumerate(of_chunk) if outcome is not None), len(writes))
            del self._left[index]
            if failed == len(writes):
                continue
            why = of_chunk[failed]
            if isinstance(why, StoreUnavailable):
                unknown, self._left[index] = why, writes[failed:]
            elif why is not None:
                self.refused[index] = why
        if unknown is not None:
            raise unknown
