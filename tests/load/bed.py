"""The test bed of a benchmark: our own Kafka and Redis, the demo shop, processes, and exact lag."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import redis
from kafka import KafkaConsumer, TopicPartition

from schemas.topics import EVENTS
from streams.demo.catalogue import demo_items
from streams.local.servers.kafka import LocalKafka
from streams.local.servers.redis import LocalRedis
from streams.stores.keys import Keys
from tests.stack import Stack, poll_until

ITEMS = 2000
PARTITIONS = 16


@dataclass
class Bed:
    """Servers of one benchmark; each `stack()` is a fresh namespace with the demo shop in it."""

    folder: Path
    kafka: str
    redis: str

    def stack(self, items: int = ITEMS, /, **settings: str) -> Stack:
        namespace = f"b{uuid.uuid4().hex[:8]}"
        folder = self.folder / namespace
        folder.mkdir()
        stack = Stack(folder, namespace, self.kafka, self.redis, settings=settings)
        stack.run("topics", "create", "--partitions", str(PARTITIONS))
        catalogue = folder / "items.ndjson"
        catalogue.write_bytes(
            b"\n".join(msgspec.json.encode(item) for item in demo_items(items, at=datetime.now(UTC)))
        )
        stack.run("catalog", "push", str(catalogue))
        document = folder / "storefront.json"
        document.write_text(stack.run("storefront", "default"))
        stack.run("storefront", "push", str(document))
        return stack


@contextmanager
def bed() -> Iterator[Bed]:
    with tempfile.TemporaryDirectory(prefix="etalage-bench-") as name:
        folder = Path(name)
        with LocalKafka(folder / "kafka") as kafka, LocalRedis(folder / "redis") as store:
            yield Bed(folder, kafka.address, store.url)


def open_redis(url: str) -> Any:
    """A blocking client without a read timeout; its types would say less than they cost."""
    return redis.Redis.from_url(url, socket_timeout=None)


class Gauge:
    """Exact lag seen from outside: end offsets of the log against `done` in Redis."""

    def __init__(self, stack: Stack) -> None:
        self.keys = Keys(stack.namespace)
        self.topic = EVENTS.full_name(stack.namespace)
        self.client = open_redis(stack.redis)
        self.consumer = KafkaConsumer(bootstrap_servers=stack.kafka)
        self.partitions = [TopicPartition(self.topic, p) for p in range(PARTITIONS)]

    def done(self) -> int:
        with self.client.pipeline(transaction=False) as pipe:
            for p in range(PARTITIONS):
                pipe.hget(self.keys.own(p), "done")
            return sum(int(value or 0) for value in pipe.execute())

    def ends(self) -> int:
        return sum(self.consumer.end_offsets(self.partitions).values())

    def lag(self) -> int:
        return self.ends() - self.done()

    def wait_drained(self, within_s: float) -> float:
        """Seconds until nothing is left to apply."""
        end, start = self.ends(), time.monotonic()
        poll_until(lambda: self.done() >= end, within_s=within_s, what=f"lag 0 (now {end - self.done()})")
        return time.monotonic() - start

    def close(self) -> None:
        self.consumer.close()
        self.client.close()


def clear_states(client: Any, namespace: str) -> None:
    """Deletes every partition's states and `done`, keeps the topic's meta: the log is read again."""
    for key in client.scan_iter(match=f"*{{{namespace}.*", count=5000):
        client.unlink(key)


def generate(stack: Stack, out: Path, **options: object) -> subprocess.Popen[bytes]:
    """Start the generator process on the stack's events topic."""
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return subprocess.Popen([
        sys.executable, "-m", "tests.load.generate", "--kafka", stack.kafka,
        "--topic", EVENTS.full_name(stack.namespace), "--out", str(out), *flags,
    ])  # fmt: skip


def finish(process: subprocess.Popen[bytes], within_s: float = 300) -> None:
    code = process.wait(within_s)
    assert code == 0, f"{process.args!r} ended with {code}"


def bare_consumer(stack: Stack, out: Path, *flags: str) -> subprocess.Popen[bytes]:
    """The control: aiokafka with an empty body, reading when this returns."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.load.controls", "consume", "--kafka", stack.kafka,
         "--topic", EVENTS.full_name(stack.namespace), "--out", str(out), *flags],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"ready"
    return process


def latencies_ms(
    sent: Any, seen_partition: Any, seen_offset: Any, seen_at: Any, *, until: float = 0.0
) -> np.ndarray:
    """Milliseconds from the sending of each event to its being seen, joined by record id.

    What was not seen though a later record of its partition was is left out: one notice speaks for several
    records of a visitor. What lies behind all that was seen counts as seen at `until`, when one is given.
    """
    at = dict(zip(zip(map(int, seen_partition), map(int, seen_offset), strict=True), seen_at, strict=True))
    last: dict[int, int] = {}
    for partition, offset in at:
        last[partition] = max(offset, last.get(partition, -1))
    rows = zip(sent["partition"].tolist(), sent["offset"].tolist(), sent["sent"].tolist(), strict=True)
    latencies = [
        (at.get((p, o), until) - t) * 1000
        for p, o, t in rows
        if (p, o) in at or (until and o > last.get(p, -1))
    ]
    return np.asarray(latencies)


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used, to 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def rss_mb(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 1e6
