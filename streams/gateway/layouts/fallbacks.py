"""One layout request, from the best answer that can be had in time to the one that always can.

full → stale (the last one this process served, or one that lacks a token's event) → popular → static, each
with the reason in the open.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress

from models.layout.rendering.fields import field_of, relabel
from models.visitor.packing import unpack
from schemas.errors import UnknownVersion
from schemas.ids import Version, VisitorId
from schemas.layouts import Reason
from streams.gateway.events.partitions import PartitionMap
from streams.gateway.http.parameters import LayoutQuery
from streams.gateway.layouts.hub import Hub
from streams.gateway.layouts.on_demand import OnDemandLayouts
from streams.gateway.layouts.store_reads import StoreReads, Unread
from streams.runtime.deadline import LoopFairDeadline
from streams.stores.protocols import Stored

MARGIN_S = 0.002
"""Left of the deadline for making the answer once waiting has ended."""

LOOK_EVERY_S = 0.02
"""A token's partition may pass it without a notice about this visitor: look again so often."""

KEPT_MAX = 2_000
"""Layouts kept for a Redis that does not answer: some 10 MB."""


class FallbackChain:
    """Moments (`until`) are in the loop's time: when the answer must have been given."""

    def __init__(
        self, reads: StoreReads, dressing: OnDemandLayouts, places: PartitionMap, hub: Hub, live_page: str
    ) -> None:
        self._reads, self._dressing, self._places, self._hub = reads, dressing, places, hub
        self._live_page = live_page
        self._kept: OrderedDict[VisitorId, bytes] = OrderedDict()

    async def answer(self, query: LayoutQuery, until: float) -> bytes:
        """The JSON of a layout."""
        partition = self._places.partition(query.visitor)
        try:
            if query.after is not None:
                layout = await self._after(query, query.after, partition, until - MARGIN_S)
            else:
                layout = await self.current(query, partition, until - MARGIN_S)
        except Unread as exc:
            layout = self._without_store(query, exc.reason)
        return self.finished(query, layout)

    def makeshift(self, query: LayoutQuery, reason: Reason) -> bytes:
        """See OnDemandLayouts.makeshift."""
        return self._dressing.makeshift(query, reason)

    def finished(self, query: LayoutQuery, layout: bytes) -> bytes:
        """See OnDemandLayouts.finished."""
        return self._dressing.finished(query, layout)

    async def current(
        self, query: LayoutQuery, partition: int, until: float, shown: bytes | None = None
    ) -> bytes:
        """The layout as things stand, without cards; Unread when the store does not answer in time.

        `shown` is the layout that a page has now: it keeps its id when the content is still the same.
        """
        if query.page != self._live_page:
            return await self._decided(query, partition, until, shown)
        if query.explain:
            stored = await self._reads.standing(partition, query.visitor, until)
            return self._dressing.decided(query, partition, stored.state, stored.body)
        found = await self._reads.layout(partition, query.visitor, until)
        if found is None:
            self._kept.pop(query.visitor, None)  # what was kept is older than what is decided now
            return await self._decided(query, partition, until, shown)
        layout = found[0] + found[1]
        if not self._dressing.still_valid(query, layout):  # the shop moved on since the visitor's last event
            return await self._decided(query, partition, until, layout)
        return self._keep(query.visitor, layout)

    async def _decided(self, query: LayoutQuery, partition: int, until: float, shown: bytes | None) -> bytes:
        """Decides from the stored state; past `until` returns the cached popular layout (reason `budget`)."""
        packed = await self._reads.state(partition, query.visitor, until)
        if asyncio.get_running_loop().time() > until:
            return self._dressing.makeshift(query, "budget")
        return self._dressing.decided(query, partition, packed, shown)

    async def _after(self, query: LayoutQuery, token: Version, partition: int, until: float) -> bytes:
        """Wait until the token's event is applied, or say `stale` when there is no time left."""
        try:
            stored = await self._awaited(query, token, until)
            if token.partition == partition:
                layout = self._of(query, partition, stored)
            else:  # of before a login: all that can be known is that its partition has passed it
                layout = await self.current(query, partition, until + MARGIN_S)
        except Unread as exc:
            return relabel(self._without_store(query, exc.reason), "stale", exc.reason)
        return layout if reached(stored, token) else relabel(layout, "stale", "stream_stale")

    async def _awaited(self, query: LayoutQuery, token: Version, until: float) -> Stored:
        """What is stored in the token's partition once it is reached, or when the time is up."""
        where, visitor = token.partition, query.visitor
        if where >= self._places.partitions:
            return Stored()
        stored = await self._reads.standing(where, visitor, until)
        if reached(stored, token):
            return stored
        clock = asyncio.get_running_loop().time
        with self._hub.mailbox(where, visitor) as box:
            while True:
                with suppress(TimeoutError), LoopFairDeadline(min(until, clock() + LOOK_EVERY_S)):
                    await box.take()
                stored = await self._reads.standing(where, visitor, until + MARGIN_S)
                if reached(stored, token) or clock() >= until:
                    return stored

    def _of(self, query: LayoutQuery, partition: int, stored: Stored) -> bytes:
        """The layout of a visitor as stored: the live one when it is of the state's own version."""
        if query.page != self._live_page:
            return self._dressing.decided(query, partition, stored.state)
        if stored.head is None or stored.body is None or query.explain or not _fresh(stored, partition):
            self._kept.pop(query.visitor, None)
        elif self._dressing.still_valid(query, layout := stored.head + stored.body):
            return self._keep(query.visitor, layout)
        return self._dressing.decided(query, partition, stored.state, stored.body)

    def _keep(self, visitor: VisitorId, layout: bytes) -> bytes:
        self._kept[visitor] = layout
        self._kept.move_to_end(visitor)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return layout

    def _without_store(self, query: LayoutQuery, reason: Reason) -> bytes:
        kept = self._kept.get(query.visitor) if query.page == self._live_page else None
        if kept is None or not self._dressing.still_valid(query, kept):
            return self._dressing.makeshift(query, reason)
        return relabel(kept, "stale", reason)


def reached(stored: Stored, token: Version) -> bool:
    """Whether the visitor's state has the token's event, or its partition has passed it (it was buried)."""
    if stored.incarnation == token.incarnation and stored.done is not None and stored.done > token.offset:
        return True
    version = version_of(stored.state, token.partition)
    return version is not None and version.incarnation == token.incarnation and version.offset >= token.offset


def version_of(packed: bytes | None, partition: int) -> Version | None:
    """The version of a packed state; None for none, or for one that newer code wrote."""
    if packed is None:
        return None
    try:
        state = unpack(packed)
    except UnknownVersion:
        return None
    return Version(state.incarnation, partition, state.offset)


def _fresh(stored: Stored, partition: int) -> bool:
    version = version_of(stored.state, partition)
    return (
        stored.head is not None
        and version is not None
        and field_of(stored.head, b"version") == version.text()
    )
