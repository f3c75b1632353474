"""`GET /v1/layouts/{page}/stream`: server-sent events, one layout each time the page's content changes, and
when it becomes stale (its partition is too far behind the log) or is fresh again.

The event id is the layout id; a client that comes back with it gets the current layout only if it differs.
A process that ends tells its clients to come back soon, each at a moment of its own (`retry`), and ends their
streams; one that is opened then ends likewise, on a connection that is closed: the next leads elsewhere.

For the demo's panel a stream opened with `journey=1` also gets `event: journey` for each notice of its
visitor, whether the layout changed or not. Its data is JSON; times are epoch milliseconds, and absent when
this gateway does not know them:

    {"version": "…", "layout_changed": true, "received": …, "accepted": …, "applied": …, "folded": …,
     "ranked": …, "noticed": …, "pushed": …}

received and accepted (acknowledged by Kafka) come from this gateway's own POST /v1/events; applied (the
worker took the chunk), folded and ranked from the worker, when its notice carries them; noticed (the notice
came here) and pushed are the gateway's again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from time import perf_counter

import orjson
from msgspec import Struct
from msgspec.structs import replace

from models.layout.rendering.fields import labels_of, layout_id_of
from streams.gateway.access.callers import Caller, authorise, caller_of
from streams.gateway.access.refusals import Refused
from streams.gateway.events.event_timings import EventTimings
from streams.gateway.events.exposures import Exposures
from streams.gateway.events.partition_map import PartitionMap
from streams.gateway.http.asgi_io import Receive, Scope, Send, header
from streams.gateway.http.cors import is_head
from streams.gateway.http.limits.prices import STREAM as STREAM_PRICE
from streams.gateway.http.limits.prices import price_of_query
from streams.gateway.http.limits.request_limits import RateLimited, RequestLimits
from streams.gateway.http.parameters import LayoutQuery, parse_layout_query
from streams.gateway.http.problems import Problem
from streams.gateway.layouts.fallbacks import FallbackChain
from streams.gateway.layouts.hub import Hub, Mailbox
from streams.gateway.layouts.on_demand import DecisionFailed
from streams.gateway.layouts.store_reads import ReadFailed
from streams.runtime.clock import Clock
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import Notice

ROUTE = "/v1/layouts/{page}/stream"
READ_WITHIN_S = 0.25
READ_AT_ONCE = 64
"""Streams that read at the same moment: many opened together leave the loop turns for single requests."""

RETRY_AFTER_S = 5
ADMITTED_FOR_S = 5.0
"""How long keys and tokens of an open stream are trusted; heartbeats have them looked at within 15 s more."""
COME_BACK_MS = (200, 1500)
"""When clients of a process that ends come back: spread, for each opens a page anew."""
RETRY_MS = 3000
LOOK_AGAIN_S = (1.0, 2.0)
"""After a push for which there was no turn to decide."""
"""When a client whose connection broke comes back; browsers wait 3 to 5 s by themselves."""
REDECIDE_EVERY_S = 0.5
"""A page that is not kept live is decided again at most so often for each connection."""

_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ],
}


class StreamDependencies(Struct, frozen=True, kw_only=True):
    """What a stream needs of its process; `reading` lets READ_AT_ONCE of them read at a time."""

    fallbacks: FallbackChain
    hub: Hub
    partition_map: PartitionMap
    exposures: Exposures
    event_timings: EventTimings
    clock: Clock
    limits: RequestLimits
    metrics: Metrics
    live_page: str
    streams_max: int
    reading: asyncio.Semaphore


class StreamRoute:
    """Keeps a connection open for each request; raises Problem before the first byte, never after."""

    def __init__(self, dependencies: StreamDependencies) -> None:
        self._dependencies = dependencies
        self._open = 0
        self.readmit: Callable[[Scope], Caller] = caller_of
        """Says who the caller is by now: keys are revoked and tokens expire while streams are open."""
        self._mailboxes: set[Mailbox] = set()
        self._ending = False
        self._count(0)

    def end(self) -> None:
        """End all streams, and those opened later as soon as they are."""
        self._ending = True
        for mailbox in self._mailboxes:
            mailbox.close()

    async def __call__(self, page: str, scope: Scope, receive: Receive, send: Send) -> None:
        own_visitor = caller_of(scope).own_visitor
        query = parse_layout_query(page, scope["query_string"], streaming=True, own_visitor=own_visitor)
        authorise(scope, query.visitor, explain=query.explain or query.journey)
        if is_head(scope):
            await send({**_START})
            await send({"type": "http.response.body"})
            return
        limits, streams_max = self._dependencies.limits, self._dependencies.streams_max
        if self._open >= streams_max:
            why = f"{self._open} streams are open here, as many as ETALAGE_STREAMS_MAX allows"
            raise Problem(503, why, headers={"retry-after": str(RETRY_AFTER_S)})
        limits.charge(scope, STREAM_PRICE, query.visitor)
        if limits.is_machine(scope, query.visitor):
            query = replace(query, machine=True, journey=False)
        last = header(scope, b"last-event-id").decode("latin-1")
        with limits.hold_stream(scope, query.visitor):
            self._count(+1)
            try:
                await self._serve(query, last, scope, receive, send)
            finally:
                self._count(-1)

    async def _serve(self, query: LayoutQuery, last: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Returns when the client left, lost its right to the visitor, or the process stops."""
        dependencies = self._dependencies
        partition = dependencies.partition_map.partition_of(query.visitor)
        with dependencies.hub.open_mailbox(partition, query.visitor) as mailbox:
            if self._ending:
                mailbox.close()
            self._mailboxes.add(mailbox)
            watching = asyncio.create_task(_close_when_client_leaves(receive, mailbox))
            try:
                await send({**_START})  # what wraps `send` may put headers of its own into it
                connection = _Connection(dependencies, query, partition, send, last)
                connection.charge = lambda: self._charge_push(scope, query)
                await connection.run(mailbox, lambda: self._is_admitted(scope, query))
            finally:
                watching.cancel()
                self._mailboxes.discard(mailbox)

    def _charge_push(self, scope: Scope, query: LayoutQuery) -> None:
        """An event of a visitor pushes each of its open pages: that costs as much as to ask for them."""
        live = query.page == self._dependencies.live_page
        price = price_of_query(query, live=live)
        self._dependencies.limits.charge(scope, price, query.visitor)

    def _is_admitted(self, scope: Scope, query: LayoutQuery) -> bool:
        """Whether the client may still see this visitor's pages."""
        caller, first = self.readmit(scope), caller_of(scope)
        try:
            caller.check(ROUTE, "GET")
        except Refused:
            return False
        # Who got its visitor with the stream's first answer has not sent the token for it.
        new = first.new_token
        return caller.may_act_for(query.visitor) or (new is not None and new.visitor == query.visitor)

    def _count(self, change: int) -> None:
        self._open += change
        self._dependencies.metrics.set("connections_open", self._open)


class _Connection:
    """One open page; `last` is the layout id that the client has."""

    def __init__(
        self, dependencies: StreamDependencies, query: LayoutQuery, partition: int, send: Send, last: str
    ) -> None:
        self._fallbacks, self._reading = dependencies.fallbacks, dependencies.reading
        self._exposures, self._event_timings = dependencies.exposures, dependencies.event_timings
        self._clock, self._metrics = dependencies.clock, dependencies.metrics
        self._query, self._partition = query, partition
        self._send, self._last = send, last
        self._live = query.page == dependencies.live_page
        self._not_before = 0.0
        self._shown: bytes | None = None
        self._stale = False
        self._before_layout = b"retry: %d\n" % RETRY_MS
        self._look_again: Callable[[], None] = lambda: None
        self._will_look = False
        self.charge: Callable[[], None] = lambda: None
        """For one push; the first is paid with the opening. Raises RateLimited."""

    async def run(self, mailbox: Mailbox, is_admitted: Callable[[], bool]) -> None:
        """Push until the client leaves, is no longer admitted, or the process stops."""
        self._look_again = mailbox.request_reread
        await self._push(first=True)
        clock = asyncio.get_running_loop().time
        checked_at = clock()
        while not (mail := await mailbox.take()).closed:
            if clock() - checked_at >= ADMITTED_FOR_S:
                checked_at = clock()
                if not is_admitted():
                    break
            if mail.notice is None and not mail.reread:
                await self._write(b": \n\n")
                continue
            await self._limit_rate()
            if mail.reread or not self._live or (mail.notice is not None and mail.notice.layout_changed):
                await self._push_when_paid()
            if mail.notice is not None and self._query.journey:
                await self._send_trace(mail.notice, mail.noticed_at)
        await self._write(b"retry: %d\n\n" % random.randint(*COME_BACK_MS), more=False)

    async def _limit_rate(self) -> None:
        """Wait until this page may be decided again; what comes meanwhile waits in the mailbox."""
        if self._live:
            return
        now = asyncio.get_running_loop().time()
        if self._not_before > now:
            await asyncio.sleep(self._not_before - now)
        self._not_before = max(now, self._not_before) + REDECIDE_EVERY_S

    async def _push_when_paid(self) -> None:
        """Later, while the visitor has cost as much as it may."""
        try:
            self.charge()
        except RateLimited:
            self._look_again_later()
        else:
            await self._push()

    async def _push(self, *, first: bool = False) -> None:
        """Send the current layout unless the client has it, with what it says of its freshness."""
        started = perf_counter()
        try:
            layout = await self._current()
        except DecisionFailed:
            self._look_again_later()
            return
        except ReadFailed as exc:
            if not first or self._last:
                return  # the client keeps the layout it has, better than a popular one; a reread will follow
            layout = await self._fallbacks.popular_or_static(
                self._query, exc.reason, asyncio.get_running_loop().time() + READ_WITHIN_S
            )
        if labels_of(layout)[1] == "overload":
            self._look_again_later()
        layout_id, stale = layout_id_of(layout), labels_of(layout)[0] == "stale"
        changed = layout_id != self._last
        if changed or stale != self._stale:
            self._last, self._shown, self._stale = layout_id, layout, stale
            data = self._fallbacks.finish(self._query, layout, self._partition)
            before, self._before_layout = self._before_layout, b""
            await self._write(b"%bevent: layout\nid: %b\ndata: %b\n\n" % (before, layout_id.encode(), data))
            if changed and not self._query.machine:
                self._exposures.add(self._query.visitor, layout, "push")
            self._metrics.count("pushes_total", page=self._query.page)
            self._metrics.observe("push_delay_seconds", perf_counter() - started)

    def _look_again_later(self) -> None:
        """There was no turn to decide: the page would wait for the next event. One look at a time."""
        if self._will_look:
            return

        def look() -> None:
            self._will_look = False
            self._look_again()

        self._will_look = True
        asyncio.get_running_loop().call_later(random.uniform(*LOOK_AGAIN_S), look)

    async def _current(self) -> bytes:
        async with self._reading:
            until = asyncio.get_running_loop().time() + READ_WITHIN_S
            return await self._fallbacks.current(self._query, self._partition, until, self._shown)

    async def _send_trace(self, notice: Notice, noticed_at: float) -> None:
        """The steps of the click behind a notice, as `event: journey` (see the module)."""
        trace: dict[str, object] = {"version": notice.version, "layout_changed": notice.layout_changed}
        timing = self._event_timings.find(self._query.visitor, notice.version)
        if timing is not None:
            trace |= {"received": timing.received, "accepted": timing.accepted}
        trace |= dict(zip(("applied", "folded", "ranked"), notice.times, strict=False))
        trace |= {"noticed": noticed_at * 1000, "pushed": self._clock.now() * 1000}
        await self._write(b"event: journey\ndata: %b\n\n" % orjson.dumps(trace))

    async def _write(self, chunk: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})


async def _close_when_client_leaves(receive: Receive, mailbox: Mailbox) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    mailbox.close()
