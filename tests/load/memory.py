"""Memory of idle visitors and of processes, and the time to rebuild all states from the log."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

import orjson

from streams.demo.catalogue import demo_items
from tests.load.bed import Bed, Gauge, clear_states, finish, generate, open_redis, rss_mb
from tests.load.figures import Figure, figure
from tests.load.stream import twin_rate
from tests.load.visitors import walk_in
from tests.load.wire import Connection, get, post
from tests.stack import Stack

VISITORS = 50_000
EVENTS_EACH = 12
SAMPLE = 2_000
TWIN_EVENTS = 120_000
MANY_ITEMS = 100_000


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    rates: list[float] = []
    usage: list[float] = []
    growth: list[float] = []
    rss: list[float] = []
    twins: list[float] = []
    with bed.stack(decide_within_s="1") as stack:
        count = VISITORS * EVENTS_EACH
        finish(generate(stack, stack.folder / "sent.npz", count=count, rate=0, visitors=VISITORS), 600)
        time.sleep(2)  # all are older than decide_within_s: a log that is replayed, not live traffic
        for run in range(runs):
            rate, megabytes = _rebuild(stack, growth)
            rates.append(rate)
            rss.append(megabytes)
            usage.append(_usage(stack))
            twins.append(twin_rate(stack, until=TWIN_EVENTS, ranking=False))
            say(f"rebuild {run + 1}: {rate:,.0f} events/s, {usage[-1]:.0f} bytes each, {megabytes:.0f} MB")
            say(f"  the twin {twins[-1]:,.0f} events/s")
    load = f"{VISITORS:,} visitors with {EVENTS_EACH} events each, {runs} runs"
    twin_load = f"the careless twin, which ranks nothing here, the first {TWIN_EVENTS:,} of the same log"
    return [
        figure("rebuild.events_per_second", rates, "events/s", load="empty Redis, " + load),
        figure("rebuild.twin_events_per_second", twins, "events/s", load=twin_load),
        figure("memory.bytes_per_visitor", usage, "bytes", load="MEMORY USAGE, " + load),
        figure("memory.growth_bytes_per_visitor", growth, "bytes", load="used_memory, " + load),
        figure("memory.worker_rss_mb", rss, "MB", load="after the rebuild, " + load),
        *_processes(bed, runs, say),
    ]


def _processes(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    """Gateways with few and with many items, and the worker with many, after work of each kind."""
    gateways, many = [], []
    for _ in range(runs):
        with bed.stack() as stack:
            gateways.append(_serve(stack)[1])
        with bed.stack(MANY_ITEMS) as stack:
            many.append(_serve(stack))
        worker, gateway = many[-1]
        say(f"gateway {gateways[-1]:.0f} MB; at {MANY_ITEMS:,} items {gateway:.0f}, worker {worker:.0f}")
    load = f"after 2,000 events, 300 pages and rankings, {runs} runs"
    return [
        figure("memory.gateway_rss_mb", gateways, "MB", load=load),
        figure("memory.at_100000.worker_rss_mb", [one for one, _ in many], "MB", load=load),
        figure("memory.at_100000.gateway_rss_mb", [one for _, one in many], "MB", load=load),
    ]


def _serve(stack: Stack) -> tuple[float, float]:
    """MB of the worker and of the gateway once both have worked."""
    worker = stack.start("worker").wait_ready(180)
    gateway = stack.start("gateway").wait_ready(180)
    visitors = walk_in(stack, gateway, visitors=500, each=4)
    items = [item.item_id for item in demo_items(300, at=datetime.now(UTC))]
    category = demo_items(1)[0].category
    with Connection(gateway.address) as connection:
        for visitor in visitors[:100]:
            body = orjson.dumps({"visitor": visitor, "items": items})
            for request in (
                get(f"/v1/layouts/home?visitor={visitor}&hydrate=1"),
                get(f"/v1/layouts/category?visitor={visitor}&category={category}"),
                post("/v1/rank", body),
            ):
                status, answer = connection.ask(request)
                assert status == 200, answer[:300]
    return rss_mb(worker.pid), rss_mb(gateway.pid)


def _rebuild(stack: Stack, growth: list[float]) -> tuple[float, float]:
    client = open_redis(stack.redis)
    clear_states(client, stack.namespace)
    before = client.info("memory")["used_memory"]
    gauge = Gauge(stack)
    end = gauge.ends()
    worker = stack.start("worker")
    while gauge.done() < end * 0.02:
        assert worker.alive, worker.log()
        time.sleep(0.01)
    first, started = gauge.done(), time.monotonic()
    gauge.wait_drained(600)
    rate = (end - first) / (time.monotonic() - started)
    megabytes = rss_mb(worker.pid)
    worker.terminate()
    gauge.close()
    growth.append((client.info("memory")["used_memory"] - before) / VISITORS)
    return rate, megabytes


def _usage(stack: Stack) -> float:
    client = open_redis(stack.redis)
    keys = [key for key in client.scan_iter(match=f"s:{{{stack.namespace}.*", count=5000)]
    assert len(keys) == VISITORS, f"{len(keys)} states for {VISITORS} visitors"
    with client.pipeline(transaction=False) as pipe:
        for key in random.Random(1).sample(keys, SAMPLE):
            pipe.memory_usage(key, samples=0)
        return float(sum(pipe.execute())) / SAMPLE
