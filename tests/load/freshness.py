"""Freshness: an event handed to the producer → the layout that answers for it readable in Redis.

The observer receives each write's notice, which the script sends after writing, and joins it with the
generator's ledger by record id; a sample of heads is read back and compared with the notice.
Floor: bare aiokafka on the same topic with the same generator, in turn with ours.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from schemas.ids import Version, VisitorId
from streams.stores.keys import Keys
from tests.load.bed import PARTITIONS, Bed, Gauge, bare_consumer, finish, generate, latencies_ms, open_redis
from tests.load.figures import Figure, figure, percentile
from tests.stack import Stack

RATE, SECONDS, VISITORS = 1000, 20, 5000


class NoticeObserver:
    """Receives every notice of a namespace in a thread: (partition, offset, time)."""

    def __init__(self, stack: Stack) -> None:
        self.keys = Keys(stack.namespace)
        self.client = open_redis(stack.redis)
        self.pubsub: Any = self.client.pubsub()
        self.pubsub.ssubscribe(*(self.keys.channel(p) for p in range(PARTITIONS)))
        self.seen: list[tuple[int, int, float]] = []
        self.behind = 0
        self.checked = 0
        self._stop = threading.Event()
        self._reader = open_redis(stack.redis)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._stop.is_set():
            message = self.pubsub.get_sharded_message(timeout=0.2)
            if message and message["type"] == "smessage":
                now = time.monotonic()
                for visitor, _, text, *_ in orjson.loads(message["data"]):
                    version = Version.parse(text)
                    self.seen.append((version.partition, version.offset, now))
                    if version.offset % 97 == 0:
                        self._check(version, visitor)

    def _check(self, version: Version, visitor: VisitorId) -> None:
        head = self._reader.hget(self.keys.layout(version.partition, visitor), "h")
        self.checked += 1
        stored = Version.parse(orjson.loads(head + b"}")["version"]) if head else None
        self.behind += stored is None or stored.offset < version.offset

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.pubsub.close()


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    ours, floor, behind = [], [], []
    for run in range(runs):
        with bed.stack() as stack:
            floor.append(_floor(stack, run))
            times, share = _ours(stack, run)
            ours.append(times)
            behind.append(share)
        say(f"run {run + 1}: p50 {np.median(ours[-1]):.1f} ms, floor {np.median(floor[-1]):.1f} ms")
    f50, f99 = [percentile(x, 50) for x in floor], [percentile(x, 99) for x in floor]
    load = f"{RATE} events/s of {VISITORS} visitors, open loop, {SECONDS} s, {runs} runs, floor in turn"
    p50, p99 = [percentile(x, 50) for x in ours], [percentile(x, 99) for x in ours]
    most50, most99 = round(float(np.median(f50)) + 3, 2), round(float(np.median(f99)) * 2, 2)
    return [
        figure("freshness.p50_ms", p50, "ms", load=load, at_most=most50),
        figure("freshness.p99_ms", p99, "ms", load=load, at_most=most99),
        figure("freshness.heads_behind_ratio", behind, "ratio", load="heads read back, " + load, at_most=0),
        figure("freshness.floor_p50_ms", f50, "ms", load="bare aiokafka, " + load),
        figure("freshness.floor_p99_ms", f99, "ms", load="bare aiokafka, " + load),
    ]  # fmt: skip


def _warm(values: np.ndarray) -> np.ndarray:
    """Without the first two seconds, in which caches and connections open."""
    return values[2 * RATE :]


def _floor(stack: Stack, run: int) -> np.ndarray:
    sent, seen = stack.folder / "floor-sent.npz", stack.folder / "floor-seen.npz"
    consumer = bare_consumer(stack, seen, "--idle-s", "5")
    finish(generate(stack, sent, rate=RATE, seconds=SECONDS, visitors=VISITORS, seed=run + 10))
    finish(consumer)
    at = np.load(seen)
    return _warm(latencies_ms(np.load(sent), at["partition"], at["offset"], at["at"]))


def _ours(stack: Stack, run: int) -> tuple[np.ndarray, float]:
    sent = stack.folder / "sent.npz"
    worker = stack.start("worker").wait_ready()
    gauge = Gauge(stack)
    gauge.wait_drained(60)  # of what the floor's run left in the log
    gauge.close()
    observer = NoticeObserver(stack)
    try:
        finish(generate(stack, sent, rate=RATE, seconds=SECONDS, visitors=VISITORS, seed=run + 50))
        time.sleep(1)
    finally:
        observer.close()
    worker.terminate()
    assert observer.checked, "no layout was read back"
    partition, offset, at = zip(*observer.seen, strict=True)
    found = latencies_ms(np.load(sent), partition, offset, at)
    return _warm(found), observer.behind / observer.checked
