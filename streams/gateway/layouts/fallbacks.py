"""One layout request goes through FALLBACKS, best first, until one of them has an answer.

full → stale → popular → static, by the modes of the layouts they answer with; the layout's reason says why no
better one could be had. The last one always answers.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from msgspec.structs import replace

from models.layout.rendering.fields import relabel, with_behind
from schemas.ids import Version, VisitorId
from schemas.layouts import Reason
from streams.gateway.events.partition_map import PartitionMap
from streams.gateway.http.limits.admission import Overloaded
from streams.gateway.http.limits.prices import price_of_page
from streams.gateway.http.limits.shared_loop import SharedLoop
from streams.gateway.http.parameters import LayoutQuery
from streams.gateway.layouts.hub import Hub
from streams.gateway.layouts.on_demand import DecisionFailed, OnDemandLayouts
from streams.gateway.layouts.read_your_writes import TokenWait, is_earlier, is_reached, live_layout
from streams.gateway.layouts.store_reads import ReadFailed, StoreReads
from streams.stores.protocols import Stored

MARGIN_S = 0.002
"""Time kept before the deadline for making the answer once waiting has ended."""

SERVED_MAX = 2_000
"""Live layouts remembered for a Redis that does not answer: some 10 MB."""

STORE_REASONS: frozenset[Reason] = frozenset({"redis_timeout", "redis_down"})
EVENT_MISSING: frozenset[Reason] = STORE_REASONS | {"stream_stale"}
"""Why an answer may lack the event of the request's token."""


class FallbackChain:
    """Answers layout requests; `until` is always the deadline: event loop time, seconds.

    Args:
        reads: the store, behind its circuit breaker.
        on_demand: decides layouts, and has the popular and the packaged ones.
        partition_map: which partition a visitor is in.
        hub: where notices about a token's event arrive.
        live_page: the page that workers keep decided; others are decided on request.
        shared: how what is decided shares the event loop with other requests.
    """

    def __init__(
        self,
        reads: StoreReads,
        on_demand: OnDemandLayouts,
        partition_map: PartitionMap,
        hub: Hub,
        live_page: str,
        shared: SharedLoop,
    ) -> None:
        self._reads, self._on_demand, self._partition_map = reads, on_demand, partition_map
        self._progress = reads.progress
        self._tokens = TokenWait(reads, partition_map, hub)
        self._live_page = live_page
        self._admission, self._turns, self._shedding = shared.admission, shared.turns, shared.shedding
        self._served: OrderedDict[VisitorId, bytes] = OrderedDict()

    async def answer(self, query: LayoutQuery, until: float) -> bytes:
        """The JSON of the best layout that can be had by `until`.

        With a token (`query.after`) it includes the token's event, or says `stale` and why. Without one it is
        `stale` when the visitor's partition is further behind the log than answers promise.
        """
        layout, reason = await self._first_of(FALLBACKS, query, until, "ok")
        if query.after is not None and reason in EVENT_MISSING:
            layout = relabel(layout, "stale", reason)
        return self.finish(query, layout, self._partition_map.partition_of(query.visitor))

    def is_live(self, query: LayoutQuery) -> bool:
        """Whether workers keep the page decided."""
        return query.page == self._live_page

    async def for_everybody(self, query: LayoutQuery, reason: Reason) -> bytes:
        """The answer for a visitor who is not read: popular when that costs nobody a turn, else static."""
        now = asyncio.get_running_loop().time()
        return self.finish(query, await self.popular_or_static(query, reason, now))

    async def popular_or_static(self, query: LayoutQuery, reason: Reason, until: float) -> bytes:
        """A layout that needs no store, without cards; `reason` is its label."""
        layout, _ = await self._first_of(WITHOUT_VISITOR, query, until, reason)
        return layout

    def finish(self, query: LayoutQuery, layout: bytes, partition: int | None = None) -> bytes:
        """The answer: with cards, when they are asked for, and how far behind the visitor's partition is.

        Without a `partition` it is about no visitor.
        """
        whole = self._on_demand.hydrate(query, layout)
        return whole if partition is None else with_behind(whole, self._progress.behind_s(partition))

    async def current(
        self, query: LayoutQuery, partition: int, until: float, shown: bytes | None = None
    ) -> bytes:
        """The layout for what is stored now, without cards; popular or static when deciding fails.

        Args:
            query: what was asked; its token is not waited for.
            partition: the visitor's.
            until: when the store must have answered.
            shown: the layout that an open page has: it keeps its id when the content is still the same.

        Raises:
            ReadFailed: the store did not answer, or the state cannot be read.
            DecisionFailed: `overload`, for a page that shows something: it keeps that.
        """
        if query.machine:
            return await self.popular_or_static(query, "bot", until)
        try:
            return self._label(await self._read_or_decide(query, partition, until, shown), partition)
        except DecisionFailed as exc:
            if exc.reason == "overload" and shown is not None:
                raise
            return await self.popular_or_static(query, exc.reason, until)

    async def _first_of(
        self, fallbacks: Sequence[Fallback], query: LayoutQuery, until: float, reason: Reason
    ) -> tuple[bytes, Reason]:
        """The first answer, and why those before it had none (`reason` when there was no other)."""
        for fallback in fallbacks:
            try:
                layout = await fallback(self, query, until, reason)
            except (ReadFailed, DecisionFailed) as exc:
                reason = exc.reason
            else:
                if layout is not None:
                    return layout, reason
        raise AssertionError("static() answers always")

    async def full(self, query: LayoutQuery, until: float, reason: Reason) -> bytes | None:
        """The layout for what is stored, with the token's event; labelled `stale` when that did not come.

        A token of another incarnation of the topic is not waited for: its offset says nothing about this one.
        Raises ReadFailed and DecisionFailed.
        """
        if query.page == self._live_page and self._shedding.sheds():
            raise DecisionFailed("overload")
        partition = self._partition_map.partition_of(query.visitor)
        if query.after is None:
            return self._label(await self._read_or_decide(query, partition, until - MARGIN_S), partition)
        if self._partition_map.incarnation not in (None, query.after.incarnation):
            layout = await self._read_or_decide(query, partition, until - MARGIN_S)
            return relabel(layout, "stale", "token_unknown")
        return await self._with_event(query, query.after, partition, until)

    def _label(self, layout: bytes, partition: int) -> bytes:
        """The layout; labelled `stale` when its partition is."""
        return relabel(layout, "stale", "stream_stale") if self._progress.is_stale(partition) else layout

    async def stale(self, query: LayoutQuery, until: float, reason: Reason) -> bytes | None:
        """The live layout that this process served the visitor last, when only the store is missing."""
        if reason not in STORE_REASONS or query.page != self._live_page:
            return None
        served = self._served.get(query.visitor)
        if served is None or not self._on_demand.is_valid(query, served):
            return None
        return relabel(served, "stale", reason)

    async def popular(self, query: LayoutQuery, until: float, reason: Reason) -> bytes | None:
        """What everybody likes; None without items, without a turn to decide it, or when deciding fails.

        In an overload a page is about nothing in particular: that one is ready, whatever clients ask about.
        """
        if reason == "overload":
            query = replace(query, item=None, category=None, q=None)
        if not self._on_demand.has_popular(query, reason):
            try:
                await self._turns.take(until)
            except Overloaded:
                return None
        return self._on_demand.popular(query, reason)

    async def static(self, query: LayoutQuery, until: float, reason: Reason) -> bytes | None:
        """The page that comes with the package."""
        return self._on_demand.static(query, reason)

    async def _read_or_decide(
        self, query: LayoutQuery, partition: int, until: float, shown: bytes | None = None
    ) -> bytes:
        """The stored live layout while the shop allows it, else one decided from the stored state."""
        if query.page != self._live_page:
            return await self._decide(query, partition, until, shown)
        if query.explain:
            async with self._admit(query, until):
                stored = await self._reads.read_all(partition, query.visitor, until)
                return await self._take_turn_and_decide(query, partition, until, stored.state, stored.body)
        live = await self._reads.read_layout(partition, query.visitor, until)
        if live is None:
            self._served.pop(query.visitor, None)  # what was served is older than what is decided now
            return await self._decide(query, partition, until, shown)
        layout = live[0] + live[1]
        if not self._on_demand.is_valid(query, layout):  # the shop moved on since the visitor's last event
            return await self._decide(query, partition, until, layout)
        self._remember(query.visitor, partition, layout)
        return layout

    async def _decide(self, query: LayoutQuery, partition: int, until: float, shown: bytes | None) -> bytes:
        """Decides from the stored state; DecisionFailed (`budget`) when that was read only after `until`."""
        async with self._admit(query, until):
            packed = await self._reads.read_known_state(partition, query.visitor, until)
            if asyncio.get_running_loop().time() > until:
                raise DecisionFailed("budget")
            return await self._take_turn_and_decide(query, partition, until, packed, shown)

    @asynccontextmanager
    async def _admit(self, query: LayoutQuery, until: float) -> AsyncIterator[None]:
        """Reads and decides in the block; DecisionFailed (`overload`) when it is not let in."""
        price = price_of_page(live=False, explain=query.explain)
        try:
            async with self._admission.hold("explain" if query.explain else "decide", price, until):
                yield
        except Overloaded:
            raise DecisionFailed("overload") from None

    async def _take_turn_and_decide(
        self, query: LayoutQuery, partition: int, until: float, packed: bytes | None, shown: bytes | None
    ) -> bytes:
        """Decides when it is the turn of a request that is let in; Overloaded when that does not come."""
        await self._turns.take(until)
        return await self._on_demand.decide(query, partition, until, packed, shown)

    async def _with_event(self, query: LayoutQuery, token: Version, partition: int, until: float) -> bytes:
        """The layout once the token's event is in the state; labelled `stale` when that was not in time."""
        stored = await self._tokens.wait(token, query.visitor, until, margin_s=MARGIN_S)
        reached = is_reached(stored, token)
        try:
            if token.partition == partition:
                layout = await self._use_or_decide(query, partition, until, stored)
            else:  # of before a login: all that can be known is that its partition has passed it
                layout = await self._read_or_decide(query, partition, until)
        except DecisionFailed as exc:
            if reached:
                raise
            raise DecisionFailed("stream_stale") from exc
        return layout if reached else relabel(layout, "stale", "stream_stale")

    async def _use_or_decide(self, query: LayoutQuery, partition: int, until: float, stored: Stored) -> bytes:
        """As _read_or_decide, from what is read already."""
        if query.page != self._live_page:
            async with self._admit(query, until):
                return await self._take_turn_and_decide(query, partition, until, stored.state, None)
        live = None if query.explain else live_layout(stored, partition)
        if live is None:
            self._served.pop(query.visitor, None)
        elif self._on_demand.is_valid(query, live):
            self._remember(query.visitor, partition, live, read_now=False)  # others may have read since
            return live
        async with self._admit(query, until):
            return await self._take_turn_and_decide(query, partition, until, stored.state, stored.body)

    def _remember(self, visitor: VisitorId, partition: int, layout: bytes, *, read_now: bool = True) -> None:
        """Keep the layout for when the store does not answer.

        An earlier one than the last tells that the store forgot it, if it was `read_now`.
        """
        served = self._served.pop(visitor, None)
        if served is not None and served != layout and is_earlier(layout, served):
            if read_now:
                self._progress.note_loss(partition)
            else:
                layout = served
        self._served[visitor] = layout
        if len(self._served) > SERVED_MAX:
            self._served.popitem(last=False)


Fallback = Callable[[FallbackChain, LayoutQuery, float, Reason], Awaitable[bytes | None]]
"""One way to answer a query: gets the moment when the answer must be given, and why those before it had none.

Returns the JSON of a layout without cards, or None; ReadFailed and DecisionFailed say why it has none.
"""

FALLBACKS: tuple[Fallback, ...] = (
    FallbackChain.full,
    FallbackChain.stale,
    FallbackChain.popular,
    FallbackChain.static,
)

WITHOUT_VISITOR = FALLBACKS[2:]
"""For a query whose visitor is not read: crawlers, defects."""
