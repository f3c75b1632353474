"""Push: HTTP post of an event → the SSE message with the new layout at that visitor's client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

import uvloop

from schemas.ids import VisitorId
from streams.demo.catalogue import demo_items
from tests.load.bed import ITEMS, Bed
from tests.load.figures import Figure, figure, percentile
from tests.load.traffic import Prepared, browsing_events, now_text
from tests.load.visitors import events_body, walk_in
from tests.load.wire import get, post, split

RATE, SECONDS, CONNECTIONS, POSTERS = 500, 20, 1000, 32


class Shoppers:
    """Open streams and the posts under way; one event of a visitor at a time."""

    def __init__(self, address: str) -> None:
        self.host, self.port = address.rsplit(":", 1)
        self.posted: dict[str, float] = {}
        self.times: list[float] = []
        self.waiting = CONNECTIONS
        self.all_open = asyncio.Event()

    async def listen(self, visitor: str) -> None:
        """Read the stream for ever; a data message after a post ends that visitor's wait."""
        reader, writer = await asyncio.open_connection(self.host, int(self.port), limit=2**20)
        writer.write(get(f"/v1/layouts/home/stream?visitor={quote(visitor)}"))
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
            writer.write(post("/v1/events", events_body([event.value(now_text())])))
            raw = b""
            while (answer := split(raw)) is None:
                raw += await reader.read(65_536)
            assert answer[0] == 200, answer
            queue.task_done()


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    p50, p99, share = [], [], []
    for run in range(runs):
        times, sent = uvloop.run(_run(bed, run))
        p50.append(percentile(times, 50))
        p99.append(percentile(times, 99))
        share.append(len(times) / sent)
        say(f"run {run + 1}: p50 {p50[-1]:.1f} ms, p99 {p99[-1]:.1f} ms, {share[-1]:.0%} changed the layout")
    load = f"{RATE} posts/s open loop for {SECONDS} s, {CONNECTIONS} open streams, {runs} runs"
    return [
        figure("push.p50_ms", p50, "ms", load=load, at_most=10),
        figure("push.p99_ms", p99, "ms", load=load),
        figure("push.changed_ratio", share, "ratio", load="posts that changed the layout and so were pushed"),
    ]  # fmt: skip


async def _run(bed: Bed, run: int) -> tuple[list[float], int]:
    with await asyncio.to_thread(bed.stack) as stack:
        worker = stack.start("worker")
        gateway = stack.start("gateway")
        await asyncio.to_thread(worker.wait_ready)
        await asyncio.to_thread(gateway.wait_ready)
        visitors = await asyncio.to_thread(
            lambda: walk_in(stack, gateway, visitors=CONNECTIONS, each=3, seed=run + 1)
        )
        shoppers = Shoppers(gateway.address)
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
    events = browsing_events(shop, visitors=CONNECTIONS, count=RATE * SECONDS, seed=run + 1)
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
