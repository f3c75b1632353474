"""Freshness: an event handed to the producer → the layout that answers for it readable in Redis.

The observer receives each write's notice, which is published after writing, and joins it with the generator's
ledger by record id; of ours a sample of heads is read back and compared with the notice. In turn with ours,
on the same topic and by the same generator: the floor, bare aiokafka, and the careless twin.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import orjson

from schemas.ids import Version, VisitorId
from streams.stores.keys import Keys
from tests.load.bed import PARTITIONS, Bed, Gauge, bare_consumer, finish, generate, latencies_ms, open_redis
from tests.load.figures import Figure, figure, percentile
from tests.load.twin import TwinWorker, twin_worker
from tests.stack import Stack, poll_until

RATES, SECONDS, VISITORS = (1000, 3000), 15, 5000
QUANTILES = (("p50", 50), ("p99", 99))
DRAIN_S = 30.0
Seen = list[tuple[int, int, float]]
"""(partition, offset, when it was seen)."""


class NoticeObserver:
    """Receives every notice of a namespace in a thread: (partition, offset, time)."""

    def __init__(self, stack: Stack) -> None:
        self.keys = Keys(stack.namespace)
        self.client = open_redis(stack.redis)
        self.pubsub: Any = self.client.pubsub()
        self.pubsub.ssubscribe(*(self.keys.channel(p) for p in range(PARTITIONS)))
        self.seen: Seen = []
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


class TwinObserver:
    """Receives every notice of the twin in a thread."""

    def __init__(self, twin: TwinWorker) -> None:
        self.seen: Seen = []
        self.pubsub: Any = twin.redis.pubsub()
        self.pubsub.subscribe(twin.channel)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._stop.is_set():
            message = self.pubsub.get_message(timeout=0.2)
            if message and message["type"] == "message":
                partition, offset, _ = message["data"].split(b" ", 2)
                self.seen.append((int(partition), int(offset), time.monotonic()))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.pubsub.close()


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    return [f for rate in RATES for f in measure_rate(bed, rate, runs, say)]


def measure_rate(bed: Bed, rate: int, runs: int, say: Callable[[str], None]) -> list[Figure]:
    times: dict[str, list[np.ndarray]] = {"floor_": [], "twin_": [], "": []}
    behind = []
    for run in range(runs):
        with bed.stack() as stack:
            ours, share = _ours(stack, rate, run)  # first: the others do not read what lies in the log
            times["floor_"].append(_floor(stack, rate, run))
            times["twin_"].append(_twin(stack, rate, run))
        times[""].append(ours)
        behind.append(share)
        medians = ", ".join(f"{who or 'ours_'}{np.median(each[-1]):.1f}" for who, each in times.items())
        say(f"{rate} events/s, run {run + 1}, p50 in ms: {medians}")
    load = f"{rate} events/s of {VISITORS} visitors, open loop, {SECONDS} s, {runs} runs, all three in turn"
    prefix = "freshness." if rate == RATES[0] else f"freshness.{rate}."
    figures = [
        figure(f"{prefix}{who}{name}_ms", [percentile(x, q) for x in each], "ms", load=LOADS[who] + load)
        for who, each in times.items()
        for name, q in QUANTILES
    ]
    if rate == RATES[0]:
        load = "heads read back, " + load
        figures.append(figure("freshness.heads_behind_ratio", behind, "ratio", load=load))
    return figures


LOADS = {"": "", "floor_": "bare aiokafka, ", "twin_": "the careless twin, "}


def _send(stack: Stack, rate: int, seed: int) -> Any:
    """Send open-loop; the ledger of what was sent."""
    sent = stack.folder / f"sent-{seed}.npz"
    finish(generate(stack, sent, rate=rate, seconds=SECONDS, visitors=VISITORS, seed=seed))
    return np.load(sent)


def _warm(values: np.ndarray, rate: int) -> np.ndarray:
    """Without the first two seconds, in which caches and connections open."""
    return values[2 * rate :]


def _floor(stack: Stack, rate: int, run: int) -> np.ndarray:
    seen = stack.folder / "floor-seen.npz"
    consumer = bare_consumer(stack, seen, "--idle-s", "5")
    sent = _send(stack, rate, run + 10)
    finish(consumer)
    at = np.load(seen)
    return _warm(latencies_ms(sent, at["partition"], at["offset"], at["at"]), rate)


def _twin(stack: Stack, rate: int, run: int) -> np.ndarray:
    with twin_worker(stack) as twin:
        observer = TwinObserver(twin)
        try:
            sent = _send(stack, rate, run + 30)
            _wait(lambda: twin.done() >= rate * SECONDS)
        finally:
            observer.close()
    return _latencies(sent, observer.seen, rate)


def _ours(stack: Stack, rate: int, run: int) -> tuple[np.ndarray, float]:
    worker = stack.start("worker").wait_ready()
    gauge, observer = Gauge(stack), NoticeObserver(stack)
    try:
        sent = _send(stack, rate, run + 50)
        _wait(lambda: gauge.lag() == 0)
    finally:
        observer.close()
        gauge.close()
    worker.terminate()
    assert observer.checked, "no layout was read back"
    return _latencies(sent, observer.seen, rate), observer.behind / observer.checked


def _wait(drained: Callable[[], bool]) -> None:
    """Until all is applied, at most DRAIN_S: whoever cannot keep up would keep the others waiting."""
    with suppress(AssertionError):
        poll_until(drained, within_s=DRAIN_S, what="lag 0")
    time.sleep(0.5)  # the last notices are on their way


def _latencies(sent: Any, seen: Seen, rate: int) -> np.ndarray:
    return _warm(latencies_ms(sent, *zip(*seen, strict=True), until=time.monotonic()), rate)
