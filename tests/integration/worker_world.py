"""Workers against the session's Kafka and Redis: send records, wait until they are done, compare."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import redis
from confluent_kafka import Consumer, Producer, TopicPartition

from models.visitor.packing import unpack
from schemas.dead_letters import DeadLetter
from schemas.topics import DEAD_LETTERS, EVENTS
from streams.kafka.partitioner import partition_of
from streams.stores.provisioning import read_meta_sync
from tests.faults.oracle import Truth, differences, done_offsets, fold_log, read_dead_letters, stored_states
from tests.random_events import random_event
from tests.stack import Running, Stack, poll_until

PARTITIONS = 4
SETTINGS = {"session_timeout_s": "6", "heartbeat_s": "0.5", "partitions": str(PARTITIONS), "ranker": "none"}


class Sent:
    """A record to send; a partition of its own is a producer's mistake."""

    def __init__(self, key: str, value: bytes | None, partition: int | None = None) -> None:
        self.key, self.value, self.partition = key, value, partition


class WorkerWorld:
    """One namespace with its workers."""

    def __init__(self, folder: Path, namespace: str, kafka: str, redis_url: str, **settings: str) -> None:
        self.namespace, self.kafka, self.redis_url = namespace, kafka, redis_url
        self.topic = EVENTS.full_name(namespace)
        self.stack = Stack(folder, namespace, kafka, redis_url, SETTINGS | settings)
        self.stack.run("topics", "create")
        self.client: Any = redis.Redis.from_url(redis_url)

    def worker(self, **settings: str) -> Running:
        return self.stack.start("worker", **settings).wait_ready()

    def send(self, records: Iterable[Sent]) -> None:
        """Send and wait until the broker has all."""
        producer = Producer(
            {"bootstrap.servers": self.kafka, "partitioner": "murmur2_random", "linger.ms": 5}
        )
        for record in records:
            place: Any = {} if record.partition is None else {"partition": record.partition}
            producer.produce(self.topic, record.value, record.key, **place)
            producer.poll(0)
        assert producer.flush(30) == 0

    def ends(self) -> list[int]:
        """Where the log ends, by partition."""
        consumer = Consumer({"bootstrap.servers": self.kafka, "group.id": "ends"})
        try:
            return [
                consumer.get_watermark_offsets(TopicPartition(self.topic, p), timeout=20)[1]
                for p in range(PARTITIONS)
            ]
        finally:
            consumer.close()

    def wait_done(self, within_s: float = 60) -> None:
        """Until `done` in Redis is where the log ends."""
        ends = self.ends()
        what = f"done {self.done()}, ends {ends}: {self.logs()}"
        poll_until(lambda: self.done() == ends, within_s=within_s, what=what)

    def wait_progress(self, *, everywhere: bool = False, within_s: float = 60) -> None:
        """Until `done` has moved on, in one partition or in all of them: work is under way."""
        before, enough = self.done(), all if everywhere else any

        def moved() -> bool:
            return enough(now > then for now, then in zip(self.done(), before, strict=True))

        poll_until(moved, within_s=within_s, what=f"progress from {before}: {self.logs()}")

    def done(self) -> list[int]:
        """`done` in Redis, by partition."""
        return done_offsets(self.redis_url, self.namespace, PARTITIONS)

    def logs(self) -> str:
        return "\n".join(f"{running.name}: {running.log()}" for running in self.stack.running)

    def compare(self) -> Truth:
        """The truth, after Redis was found equal to it."""
        incarnation = read_meta_sync(self.redis_url, self.namespace).incarnation
        truth = fold_log(self.kafka, self.topic, PARTITIONS, incarnation)
        wrong = differences(truth, stored_states(self.redis_url, self.namespace))
        assert not wrong, "\n".join([*wrong, self.logs()])
        return truth

    def dead_letters(self) -> dict[str, DeadLetter]:
        """Every buried record by its id, as the dead letters' topic holds it; its key is that id."""
        letters = {}
        for key, letter in read_dead_letters(self.kafka, DEAD_LETTERS.full_name(self.namespace)):
            assert key == letter.record_id.encode()
            letters[letter.record_id] = letter
        return letters

    def forget(self) -> None:
        """What FLUSHALL does, to this namespace alone; meta stays as `topics create` would make it again."""
        names = list(self.client.scan_iter(f"*{{{self.namespace}.*", count=5000))
        self.client.delete(*names)
        self.client.script_flush()

    def offset_of(self, visitor: str) -> int:
        """The last offset applied to a visitor, -1 for none."""
        raw = self.client.get(
            f"s:{{{self.namespace}.{partition_of(visitor.encode(), PARTITIONS)}}}:{visitor}"
        )
        return -1 if raw is None else unpack(raw).offset

    @contextmanager
    def feeding(self, *, seed: int) -> Iterator[None]:
        """Send a little at a time as long as the block runs, so that faults meet work under way."""
        over = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(self._feed, over, seed)
            try:
                yield
            finally:
                over.set()
            sending.result()

    def _feed(self, over: threading.Event, seed: int) -> None:
        first = 0
        while not over.wait(0.05):
            self.send(events(50, seed=seed + first, first=first))
            first += 50

    def close(self) -> None:
        self.stack.close()
        self.client.close()


def events(count: int, *, seed: int = 1, visitors: int = 60, first: int = 0) -> Iterator[Sent]:
    """Believable events of some visitors."""
    rng = Random(seed)
    for n in range(first, first + count):
        visitor = f"{'u' if n % 3 else 'a'}:v{rng.randrange(visitors)}"
        yield Sent(visitor, random_event(rng, visitor, n))
