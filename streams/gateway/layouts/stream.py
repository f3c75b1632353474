"""`GET /v1/layouts/{page}/stream`: server-sent events, one layout each time the window changes.

The event id is the layout id; a client that comes back with it gets the current layout only if it differs.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

import orjson
from msgspec import Struct

from models.layout.rendering.fields import layout_id_of
from streams.gateway.events.click_trace import ClickTraces
from streams.gateway.events.exposures import Exposures
from streams.gateway.events.partitions import PartitionMap
from streams.gateway.http.asgi import Receive, Scope, Send, header
from streams.gateway.http.auth import authorise
from streams.gateway.http.cors import of_head
from streams.gateway.http.parameters import LayoutQuery, parse_layout_query
from streams.gateway.http.problems import Problem
from streams.gateway.layouts.fallbacks import FallbackChain
from streams.gateway.layouts.hub import Hub, Mailbox
from streams.gateway.layouts.store_reads import Unread
from streams.runtime.clock import Clock
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import Notice

ROUTE = "/v1/layouts/{page}/stream"
READ_WITHIN_S = 0.25
READ_AT_ONCE = 64
"""Streams that read at the same moment: a storm of them leaves the loop turns for who asks for a page."""

RETRY_AFTER_S = 5
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


class PushParts(Struct, frozen=True):
    """What a stream needs of its process."""

    ladder: FallbackChain
    hub: Hub
    places: PartitionMap
    exposures: Exposures
    traces: ClickTraces
    clock: Clock
    metrics: Metrics
    live_page: str
    streams_max: int
    reading: asyncio.Semaphore


class Streams:
    """Opens a connection for each request; Problem before the first byte, never after."""

    def __init__(self, parts: PushParts) -> None:
        self._parts = parts
        self._open = 0
        self._count(0)

    async def __call__(self, page: str, scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_layout_query(page, scope["query_string"], streaming=True)
        authorise(scope, query.visitor)
        if of_head(scope):
            await send({**_START})
            await send({"type": "http.response.body"})
            return
        parts = self._parts
        if self._open >= parts.streams_max:
            why = f"{self._open} streams are open here, as many as ETALAGE_STREAMS_MAX allows"
            raise Problem(503, why, headers={"retry-after": str(RETRY_AFTER_S)})
        partition = parts.places.partition(query.visitor)
        last = header(scope, b"last-event-id").decode("latin-1")
        self._count(+1)
        try:
            with parts.hub.mailbox(partition, query.visitor) as box:
                leaving = asyncio.create_task(_closed_by_client(receive, box))
                try:
                    await send({**_START})  # what wraps `send` may put headers of its own into it
                    await _Connection(parts, query, partition, send, last).run(box)
                finally:
                    leaving.cancel()
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._open += change
        self._parts.metrics.set("connections_open", self._open)


class _Connection:
    """One open page."""

    def __init__(self, parts: PushParts, query: LayoutQuery, partition: int, send: Send, last: str) -> None:
        self._parts, self._query, self._partition = parts, query, partition
        self._send, self._last = send, last
        self._live = query.page == parts.live_page
        self._not_before = 0.0
        self._shown: bytes | None = None

    async def run(self, box: Mailbox) -> None:
        """Push until the client leaves or the process stops."""
        await self._push(first=True)
        while not (mail := await box.take()).closed:
            if mail.notice is None and not mail.reread:
                await self._write(b": \n\n")
                continue
            await self._rest()
            if mail.reread or not self._live or (mail.notice is not None and mail.notice.layout_changed):
                await self._push()
            if mail.notice is not None and self._query.journey:
                await self._tell(mail.notice, mail.ignore_result)
        await self._write(b"", more=False)

    async def _rest(self) -> None:
        """Wait until this page may be decided again; what comes meanwhile waits in the mailbox."""
        if self._live:
            return
        now = asyncio.get_running_loop().time()
        if self._not_before > now:
            await asyncio.sleep(self._not_before - now)
        self._not_before = max(now, self._not_before) + REDECIDE_EVERY_S

    async def _push(self, *, first: bool = False) -> None:
        """Send the current layout unless the client has it."""
        started = perf_counter()
        try:
            layout = await self._current()
        except Unread as exc:
            if not first or self._last:
                return  # better the window that is there than a poorer one; Following will say when to look
            layout = self._parts.ladder.makeshift(self._query, exc.reason)
        layout_id = layout_id_of(layout)
        if layout_id != self._last:
            self._last, self._shown = layout_id, layout
            data = self._parts.ladder.finished(self._query, layout)
            await self._write(b"event: layout\nid: %b\ndata: %b\n\n" % (layout_id.encode(), data))
            self._parts.exposures.add(self._query.visitor, layout, "push")
            self._parts.metrics.count("pushes_total", page=self._query.page)
            self._parts.metrics.observe("push_delay_seconds", perf_counter() - started)

    async def _current(self) -> bytes:
        async with self._parts.reading:
            until = asyncio.get_running_loop().time() + READ_WITHIN_S
            return await self._parts.ladder.current(self._query, self._partition, until, self._shown)

    async def _tell(self, notice: Notice, ignore_result: float) -> None:
        """The journey of the click behind a notice (see streams.gateway.layouts.hub)."""
        journey: dict[str, object] = {"version": notice.version, "layout_changed": notice.layout_changed}
        leg = self._parts.traces.of(self._query.visitor, notice.version)
        if leg is not None:
            journey |= {"received": leg.received, "accepted": leg.accepted}
        journey |= dict(zip(("applied", "folded", "ranked"), notice.times, strict=False))
        journey |= {"noticed": ignore_result * 1000, "pushed": self._parts.clock.now() * 1000}
        await self._write(b"event: journey\ndata: %b\n\n" % orjson.dumps(journey))

    async def _write(self, chunk: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})


async def _closed_by_client(receive: Receive, box: Mailbox) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    box.close()
