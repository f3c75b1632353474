"""Producers with transactions: aborted records are not applied, and the markers are no lag."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streams.kafka.consumer_lag import read_group_lags
from streams.runtime.settings import Settings
from tests.integration.worker_world import PARTITIONS, Sent, WorkerWorld, events
from tests.stack import Running, poll_until

STALL_S = 3


@pytest.fixture
def world(tmp_path: Path, namespace: str, kafka: str, redis_url: str) -> Iterator[WorkerWorld]:
    made = WorkerWorld(tmp_path, namespace, kafka, redis_url, stall_exit_s=str(STALL_S))
    yield made
    made.close()


class Transactions:
    """Each `send` is a transaction of its own: its marker ends the log of every partition it wrote to."""

    def __init__(self, world: WorkerWorld) -> None:
        self._topic = world.topic
        self._producer = Producer({
            "bootstrap.servers": world.kafka, "partitioner": "murmur2_random",
            "transactional.id": world.namespace, "linger.ms": 5,
        })  # fmt: skip
        self._producer.init_transactions(30)

    def send(self, records: Iterator[Sent], *, keep: bool = True) -> None:
        self._producer.begin_transaction()
        for record in records:
            self._producer.produce(self._topic, record.value, record.key)
        self._producer.flush(30)
        if keep:
            self._producer.commit_transaction(30)
        else:
            self._producer.abort_transaction(30)


def count_applied(worker: Running) -> float:
    lines = worker.metrics().splitlines()
    name = 'etalage_events_processed_total{outcome="applied"} '
    return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)


def level(worker: Running) -> bool:
    """Whether no partition shows lag, in records or seconds."""
    lines = [line for line in worker.metrics().splitlines() if line.startswith("etalage_consumer_lag_")]
    return len(lines) == 2 * PARTITIONS and all(float(line.split()[1]) == 0 for line in lines)


def stays_up(world: WorkerWorld, worker: Running, signs: int) -> None:
    """Wait until the worker has touched its status file so often: once in a second of its own time."""
    seen: set[int] = set()

    def enough() -> bool:
        assert worker.alive, world.logs()
        seen.add(worker.status_path.stat().st_mtime_ns)
        return len(seen) > signs

    poll_until(enough, within_s=20 * signs, what=f"{signs} signs of life")


def group_lag(world: WorkerWorld) -> int:
    """What lag tools see, which know only what the group committed."""
    return read_group_lags(Settings(kafka=world.kafka, namespace=world.namespace))["personalize"]


def test_markers_at_the_end_of_the_log_are_neither_lag_nor_a_stall(world: WorkerWorld) -> None:
    transactions = Transactions(world)
    worker = world.worker()
    transactions.send(events(100))
    transactions.send(events(80, seed=2, first=100), keep=False)
    transactions.send(events(60, seed=3, first=180))
    transactions.send(events(40, seed=4, first=240), keep=False)
    poll_until(lambda: count_applied(worker) == 160, within_s=30, what=f"160 events: {world.logs()}")
    poll_until(lambda: level(worker), within_s=10, what="no lag")
    stays_up(world, worker, 2 * STALL_S)
    poll_until(lambda: group_lag(world) == 0, within_s=10, what="no lag of the group")
    world.compare()
    worker.terminate()
    assert group_lag(world) == 0
    again = world.worker()  # begins behind what was applied, before the markers
    poll_until(lambda: level(again), within_s=10, what="no lag after a restart")
    stays_up(world, again, 2 * STALL_S)
    world.send(events(50, seed=5, first=280))
    poll_until(lambda: count_applied(again) == 50, within_s=30, what=f"50 more events: {world.logs()}")
    world.compare()
