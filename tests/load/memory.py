"""Memory of idle visitors with a real history, and the time to rebuild them all from the log."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import psutil

from tests.load.bed import Bed, Gauge, finish, generate, open_redis
from tests.load.figures import Figure, figure
from tests.stack import Stack

VISITORS = 100_000
EVENTS_EACH = 12
SAMPLE = 2_000


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    rates: list[float] = []
    usage: list[float] = []
    growth: list[float] = []
    rss: list[float] = []
    with bed.stack() as stack:
        count = VISITORS * EVENTS_EACH
        finish(generate(stack, stack.folder / "sent.npz", count=count, rate=0, visitors=VISITORS), 600)
        time.sleep(
            31
        )  # records that are older than decide_within_s: a log that is replayed, not live traffic
        for run in range(runs):
            rate, megabytes = _rebuild(stack, growth)
            rates.append(rate)
            rss.append(megabytes)
            usage.append(_usage(stack))
            say(f"rebuild {run + 1}: {rate:,.0f} events/s, {usage[-1]:.0f} bytes each, {megabytes:.0f} MB")
    load = f"{VISITORS:,} visitors with {EVENTS_EACH} events each, {runs} runs"
    return [
        figure("rebuild.events_per_second", rates, "events/s", load="empty Redis, " + load, at_least=20_000),
        figure("memory.bytes_per_visitor", usage, "bytes", load="MEMORY USAGE, " + load, at_most=600),
        figure("memory.growth_bytes_per_visitor", growth, "bytes", load="used_memory, " + load, at_most=600),
        figure("memory.worker_rss_mb", rss, "MB", load="after the rebuild, " + load, at_most=300),
    ]


def _clear(client: Any, namespace: str) -> None:
    """Deletes every partition's states and `done`, keeps the topic's meta."""
    for key in client.scan_iter(match=f"*{{{namespace}.*", count=5000):
        client.unlink(key)


def _rebuild(stack: Stack, growth: list[float]) -> tuple[float, float]:
    client = open_redis(stack.redis)
    _clear(client, stack.namespace)
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
    rss = psutil.Process(worker.pid).memory_info().rss / 1e6
    worker.terminate()
    gauge.close()
    growth.append((client.info("memory")["used_memory"] - before) / VISITORS)
    return rate, rss


def _usage(stack: Stack) -> float:
    client = open_redis(stack.redis)
    keys = [key for key in client.scan_iter(match=f"s:{{{stack.namespace}.*", count=5000)]
    assert len(keys) == VISITORS, f"{len(keys)} states for {VISITORS} visitors"
    with client.pipeline(transaction=False) as pipe:
        for key in random.Random(1).sample(keys, SAMPLE):
            pipe.memory_usage(key, samples=0)
        return float(sum(pipe.execute())) / SAMPLE
