"""Push: HTTP post of an event → the SSE message with the new layout at that visitor's client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

import uvloop

from schemas.ids import VisitorId
from streams.demo.catalogue import demo_items
from tests.load.bed import ITEMS, Bed
from tests.load.figures import Figure, figure, percentile
from tests.load.serving import control
from tests.load.traffic import Prepared, browsing_events, now_text
from tests.load.visitors import events_body, walk_in
from tests.load.wire import get, post, split

RATE, SECONDS, CONNECTIONS, POSTERS = 500, 15, 1000, 32
WALK_IN = 3
"""Events of each visitor before the clock runs."""


class Service(NamedTuple):
    """Where the streams are opened and the events are posted; ours and the control's."""

    address: str
    stream: str
    post: str


class Shoppers:
    """Open streams and the posts under way; one event of a visitor at a time."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.host, self.port = service.address.rsplit(":", 1)
        self.posted: dict[str, float] = {}
        self.times: list[float] = []
        self.waiting = CONNECTIONS
        self.all_open = asyncio.Event()

    async def listen(self, visitor: str) -> None:
        """Read the stream for ever; a data message after a post ends that visitor's wait."""
        reader, writer = await asyncio.open_connection(self.host, int(self.port), limit=2**20)
        writer.write(get(f"{self.service.stream}?visitor={quote(visitor)}"))
        self.waiting -= 1
        if not self.waiting:
            self.all_open.set()
        try:
            while line := await reader.readline():
                if line.startswith(b"data:"):
                    now = time.monotonic()
                    sent = self.posted.pop(visitor, None)
                    if sent is not None:
                        self.times.append((now - sent) * 1000)
        finally:
            writer.close()

    async def poster(self, queue: asyncio.Queue[Prepared]) -> None:
        reader, writer = await asyncio.open_connection(self.host, int(self.port))
        while True:
            event = await queue.get()
            writer.write(post(self.service.post, events_body([event.value(now_text())])))
            raw = b""
            while (answer := split(raw)) is None:
                raw += await reader.read(65_536)
            assert answer[0] == 200, answer
            queue.task_done()


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    ours, floors, share = [], [], []
    for run in range(runs):
        with bed.stack() as stack:
            stack.start("worker").wait_ready()
            gateway = stack.start("gateway").wait_ready()
            visitors = walk_in(stack, gateway, visitors=CONNECTIONS, each=WALK_IN, seed=run + 1)
            with control(stack, "bench:push", app="push_app") as bare:
                floor, _ = uvloop.run(_run(Service(bare.address, "/stream", "/events"), visitors, run))
            service = Service(gateway.address, "/v1/layouts/home/stream", "/v1/events")
            times, sent = uvloop.run(_run(service, visitors, run))
        ours.append(times)
        floors.append(floor)
        share.append(len(times) / sent)
        say(f"run {run + 1}: p50 {percentile(times, 50):.1f} ms, p99 {percentile(times, 99):.1f} ms")
        say(f"  floor {percentile(floor, 50):.1f} ms; {share[-1]:.0%} changed the layout")
    load = f"{RATE} posts/s open loop for {SECONDS} s, {CONNECTIONS} open streams, {runs} runs"
    bare_load = "bare ASGI: a post published to Redis and from there to the stream, in turn, " + load
    return [
        *(figure(f"push.p{q}_ms", [percentile(x, q) for x in ours], "ms", load=load) for q in (50, 99)),
        *(
            figure(f"push.floor_p{q}_ms", [percentile(x, q) for x in floors], "ms", load=bare_load)
            for q in (50, 99)
        ),
        figure("push.changed_ratio", share, "ratio", load="posts that changed the layout and so were pushed"),
    ]


async def _run(service: Service, visitors: list[VisitorId], run: int) -> tuple[list[float], int]:
    shoppers = Shoppers(service)
    listeners = [asyncio.create_task(shoppers.listen(visitor)) for visitor in visitors]
    await asyncio.wait_for(shoppers.all_open.wait(), 60)
    await asyncio.sleep(2)  # the first layouts of all streams leave before the clock runs
    sent = await _post_all(shoppers, visitors, run)
    for task in listeners:
        task.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    return shoppers.times, sent


async def _post_all(shoppers: Shoppers, visitors: list[VisitorId], run: int) -> int:
    queue: asyncio.Queue[Prepared] = asyncio.Queue()
    posters = [asyncio.create_task(shoppers.poster(queue)) for _ in range(POSTERS)]
    shop = demo_items(ITEMS, at=datetime.now(UTC))
    events = browsing_events(
        shop, visitors=CONNECTIONS, count=RATE * SECONDS, seed=run + 1, first=WALK_IN * CONNECTIONS
    )
    start = time.monotonic()
    for n, event in enumerate(events):
        due = start + n / RATE
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        visitor = visitors[n % len(visitors)]
        shoppers.posted[visitor] = time.monotonic()
        queue.put_nowait(event)
    await queue.join()
    await asyncio.sleep(1)
    for task in posters:
        task.cancel()
    return len(events)
