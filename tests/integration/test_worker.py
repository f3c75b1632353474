"""Real workers on real Kafka and Redis: what they apply, bury, survive, and how they end."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from kafka.admin import KafkaAdminClient

from streams.kafka.partitioner import partition_of
from tests.faults.oracle import read_back
from tests.integration.worker_world import PARTITIONS, Sent, WorkerWorld, events
from tests.stack import Running, poll_until

Make = Callable[..., WorkerWorld]

HELD_WORKER = "tests.integration.held_worker"


def metric(worker: Running, name: str) -> float:
    """A value of the worker's metrics; 0 for one it does not have, or cannot be asked for."""
    with suppress(OSError):
        lines = dict(line.rsplit(" ", 1) for line in worker.metrics().splitlines() if line[0] != "#")
        return float(lines.get(f"etalage_{name}", 0))
    return 0


@pytest.fixture
def make(tmp_path: Path, namespace: str, kafka: str, redis_url: str) -> Iterator[Make]:
    worlds: list[WorkerWorld] = []

    def made(**settings: str) -> WorkerWorld:
        worlds.append(WorkerWorld(tmp_path, namespace, kafka, redis_url, **settings))
        return worlds[-1]

    yield made
    for world in worlds:
        world.close()


def test_events_become_states_and_what_cannot_is_buried(make: Make) -> None:
    world = make()
    world.send(events(600))
    wrong = (partition_of(b"u:v1", PARTITIONS) + 1) % PARTITIONS
    misplaced = next(e for e in events(400, seed=2) if e.key == "u:v1")
    world.send([
        Sent("u:v1", b"{not json"),
        Sent("u:v1", None),
        Sent("u:nobody", misplaced.value),
        Sent(misplaced.key, misplaced.value, wrong),
        Sent("u:v1", b"x" * 40_000),
    ])  # fmt: skip
    worker = world.worker()
    world.send(events(200, seed=3, first=600))
    world.wait_done()
    truth = world.compare()
    letters = json.loads(world.stack.run("dead-letters", "list", "--json"))
    assert {letter["reason"] for letter in letters} == {
        "invalid", "tombstone", "key_mismatch", "misplaced", "too_large",
    }  # fmt: skip
    assert {(letter["partition"], letter["offset"]) for letter in letters} == {
        (record.partition, record.offset) for record in truth.buried
    }
    shown = world.stack.run("dead-letters", "show", next(
        letter["record_id"] for letter in letters if letter["reason"] == "misplaced"
    ))  # fmt: skip
    assert "murmur2_random" in shown
    profile = json.loads(world.stack.run("visitor", "show", "u:v1", "--json"))
    assert profile["events"] == truth.states["u:v1"].events  # type: ignore[index]
    assert 'etalage_dead_letters_total{reason="misplaced"} 1.0' in worker.metrics()
    assert 'etalage_consumer_lag_records{partition="0"} 0.0' in worker.metrics()
    assert worker.terminate(12) == 0


def test_sigkill_loses_and_repeats_nothing(make: Make) -> None:
    world = make()
    with world.feeding(seed=10):
        for _ in range(3):
            worker = world.worker()
            world.wait_progress()
            worker.kill()
        world.worker()
    world.wait_done()
    world.compare()


def test_workers_join_and_leave_under_load(make: Make) -> None:
    world = make()
    first = world.worker()
    with world.feeding(seed=20):
        world.wait_progress()
        second = world.worker()
        assert first.terminate() == 0
        third = world.worker()
        world.wait_progress(everywhere=True)
    world.wait_done()
    world.compare()
    assert second.alive
    assert third.alive


def test_a_zombie_that_wakes_writes_nothing_over_its_successor(make: Make) -> None:
    world = make()
    zombie = world.worker()
    with world.feeding(seed=30):
        world.wait_progress()
        zombie.send(signal.SIGSTOP)
        world.stack.start("worker").wait_ready(40)
        world.wait_progress(everywhere=True)  # by its successor
        zombie.send(signal.SIGCONT)
        world.wait_progress(everywhere=True)
    world.wait_done()
    world.compare()
    poll_until(
        lambda: not zombie.alive or zombie.ready(),
        within_s=30,
        what=f"the zombie leaves or works {zombie.log()}",
    )


def test_a_loop_held_again_and_again_stays_a_member_and_loses_nothing(make: Make) -> None:
    world = make()
    held = world.stack.start("worker", module=HELD_WORKER).wait_ready()
    world.worker()
    poll_until(held.ready, within_s=30, what="the partitions are shared")
    rebalances = metric(held, "rebalances_total")
    held.send(signal.SIGUSR2)
    with world.feeding(seed=70):
        # Fed at 1,000 a second at most, so this takes longer than a session of 6 s.
        poll_until(lambda: sum(world.done()) > 7_000, within_s=90, what=f"7,000 applied: {world.logs()}")
    world.wait_done()
    world.compare()
    assert metric(held, "event_loop_lag_seconds_sum") > 0.5, "it was held"
    assert metric(held, "rebalances_total") == rebalances
    assert metric(held, 'chunks_total{outcome="applied"}') > 0
    assert held.terminate() == 0


def test_a_loop_held_longer_than_a_session_is_evicted_and_fenced(make: Make) -> None:
    world = make()
    held = world.stack.start("worker", module=HELD_WORKER).wait_ready()
    world.worker()  # a member before the other is held, which then has to take over only
    poll_until(held.ready, within_s=30, what="the partitions are shared")
    with world.feeding(seed=80):
        world.wait_progress(everywhere=True)
        held.send(signal.SIGUSR1)
        poll_until(
            lambda: metric(held, 'chunks_total{outcome="fenced"}') > 0,
            within_s=30,
            what=f"what it had read before is refused: {held.log()}",
        )
        poll_until(held.ready, within_s=30, what=f"it is a member again: {held.log()}")
        world.wait_progress(everywhere=True)
    world.wait_done()
    world.compare()
    assert held.alive


def test_a_redis_that_forgot_everything_is_built_again(make: Make) -> None:
    world = make()
    worker = world.worker()
    world.send(events(500, seed=40))
    world.wait_done()
    world.forget()
    world.wait_done()  # without a single new record
    world.compare()
    world.send(events(100, seed=41, first=500))
    world.wait_done()
    world.compare()
    assert worker.alive
    assert "etalage_regressed_total" in worker.metrics()


def test_offsets_are_committed_before_partitions_move(make: Make) -> None:
    world = make(commit_interval_s="600")  # so that nothing but the rebalance commits
    first = world.worker()
    world.send(events(300, seed=50))
    world.wait_done()
    world.worker()
    done = world.done()

    def read_committed() -> list[int]:
        admin = KafkaAdminClient(bootstrap_servers=world.kafka)
        try:
            group: Any = admin.list_group_offsets({f"{world.namespace}.personalize": None})
        finally:
            admin.close()
        offsets = group[f"{world.namespace}.personalize"]
        return [
            next((o.offset for tp, o in offsets.items() if tp.partition == p), 0) for p in range(PARTITIONS)
        ]

    poll_until(
        lambda: read_committed() == done, within_s=15, what=f"{read_committed()} committed, {done} done"
    )
    assert first.alive


def test_sigterm_ends_in_time_also_under_load_and_while_booting(make: Make) -> None:
    world = make()
    worker = world.worker()
    world.send(events(3000, seed=60))
    assert worker.terminate() == 0, "past drain_s and HARD_EXIT_EXTRA_S it would be 70"
    booting = world.stack.start("worker", namespace="no-such-shop")
    poll_until(booting.status, within_s=20, what="the worker says that it boots")
    assert booting.terminate() == 0


def test_a_stream_gone_bad_halts_instead_of_being_buried(make: Make) -> None:
    world = make()
    world.send(Sent(f"u:v{n}", b"{") for n in range(1500))
    worker = world.stack.start("worker")
    poll_until(lambda: not worker.alive, within_s=40, what=f"the worker halts: {worker.log()}")
    assert worker.popen.returncode == 70
    assert "DeadLetterLimit" in worker.log()
    assert "ETALAGE_DEAD_LETTER_SHARE=1" in worker.log()
    assert "(invalid)" in worker.log()
    assert sum(world.done()) < 1500


def test_the_way_out_of_a_stream_gone_bad_buries_it(make: Make) -> None:
    world = make()
    world.send(Sent(f"u:v{n}", b"{") for n in range(500))
    world.send(events(20))
    world.worker(dead_letter_share="1")
    world.wait_done()
    sent = list(read_back(world.kafka, world.topic))
    bad = {f"{r.topic()}/{r.partition()}/{r.offset()}": r for r in sent if r.value() == b"{"}
    letters = world.dead_letters()
    assert len(bad) == 500
    assert letters.keys() == bad.keys()
    for record_id, letter in letters.items():
        record = bad[record_id]
        assert letter.reason == "invalid"
        assert (letter.topic, letter.partition, letter.offset) == (
            record.topic(), record.partition(), record.offset(),
        )  # fmt: skip
        assert (letter.key, letter.value) == (record.key(), record.value())
        assert letter.timestamp_ms == record.timestamp()[1]


def test_a_worker_feeds_its_metrics(make: Make) -> None:
    world = make()
    worker = world.worker()
    world.send(events(300))
    world.wait_done()
    fed = (
        'events_processed_total{outcome="applied"}', "lru_visitors", "progress_timestamp_seconds",
        'commits_total{outcome="done"}', 'store_duration_seconds_count{operation="write"}',
        'store_duration_seconds_count{operation="load"}', 'layouts_written_total{part="whole"}',
        "event_loop_lag_seconds_count",
    )  # fmt: skip

    def unfed() -> list[str]:
        return [name for name in fed if not metric(worker, name) > 0]

    poll_until(lambda: not unfed(), within_s=10, what=f"values of {fed}")
    assert 'etalage_consumer_lag_seconds{partition="0"} 0.0' in worker.metrics()


def test_records_that_the_log_lost_before_they_were_applied_are_told(make: Make) -> None:
    world = make()
    worker = world.worker()

    def await_done(offset: int) -> None:
        def reached() -> bool:
            return world.done()[0] == offset

        poll_until(reached, within_s=30, what=f"{offset} is done: {worker.log()}")

    world.send(Sent(record.key, record.value, 0) for record in events(5))
    await_done(5)
    worker.send(signal.SIGSTOP)
    world.send(Sent(record.key, record.value, 0) for record in events(1))  # answers the fetch that waits
    world.send(Sent(record.key, record.value, 0) for record in events(19))
    place = TopicPartition(world.topic, 0, 20)
    admin = AdminClient({"bootstrap.servers": world.kafka})
    admin.delete_records([place])[place].result(20)
    worker.send(signal.SIGCONT)
    await_done(25)
    poll_until(
        lambda: "records are gone unapplied" in worker.log(), within_s=20, what=f"told: {worker.log()}"
    )
    lost = "etalage_records_lost_total 14.0"
    poll_until(lambda: lost in worker.metrics(), within_s=20, what="the lost ones are counted")
