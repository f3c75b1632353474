"""Keys of some visitors hold what no worker wrote: they are set aside, all others go on, and repair mends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.ids import VisitorId
from streams.kafka.partitioner import partition_of
from streams.stores.keys import Keys
from streams.stores.provisioning import read_meta_sync
from tests.faults.oracle import differences, fold_log, stored_states
from tests.integration.worker_world import PARTITIONS, WorkerWorld, events
from tests.stack import poll_until

Spoil = Callable[[Any, str, str], object]


def _make_list(client: Any, key: str) -> None:
    client.delete(key)
    client.rpush(key, "a", "b")


def _make_set(client: Any, key: str) -> None:
    client.delete(key)
    client.sadd(key, "a")


def _make_hash(client: Any, key: str) -> None:
    client.delete(key)
    client.hset(key, "a", "b")


SPOILED_STATES: dict[str, Spoil] = {
    "u:v1": lambda client, state, _: _make_list(client, state),
    "u:v2": lambda client, state, _: _make_set(client, state),
    "u:v4": lambda client, state, _: _make_hash(client, state),
    "u:v5": lambda client, state, _: client.set(state, b"garbage"),
    "u:v7": lambda client, state, _: client.set(state, b""),
    "u:v8": lambda client, state, _: client.set(state, b"\x01" * 300),
    "u:v10": lambda client, state, _: client.set(state, b"\x01" * 5_000_000),
}
SPOILED_LAYOUTS: dict[str, Spoil] = {
    "a:v3": lambda client, _, layout: _make_list(client, layout),
    "a:v6": lambda client, _, layout: client.set(layout, "x"),
    "a:v9": lambda client, _, layout: client.hset(layout, mapping={"h": b"\xff{", "b": b"garbage"}),
    "a:v12": lambda client, _, layout: client.hdel(layout, "b"),
    "a:v15": lambda client, _, layout: client.hset(layout, "b", b"x" * 3_000_000),
}


@pytest.fixture
def world(tmp_path: Path, namespace: str, kafka: str, redis_url: str) -> Iterator[WorkerWorld]:
    made = WorkerWorld(tmp_path, namespace, kafka, redis_url)
    yield made
    made.close()


def _spoil(world: WorkerWorld, how: dict[str, Spoil]) -> None:
    keys = Keys(world.namespace)
    for name, spoil in how.items():
        visitor, partition = VisitorId(name), partition_of(name.encode(), PARTITIONS)
        spoil(world.client, keys.state(partition, visitor), keys.layout(partition, visitor))


def _quarantined(world: WorkerWorld) -> list[Any]:
    entries: list[Any] = json.loads(world.stack.run("visitor", "quarantine", "--json"))
    return entries


def test_spoiled_keys_stop_nobody_and_repair_gives_the_fold_of_the_log(world: WorkerWorld) -> None:
    first = world.worker()
    world.send(events(1500))
    world.wait_done()
    truth = world.compare()
    assert {*SPOILED_STATES, *SPOILED_LAYOUTS} <= truth.states.keys()
    first.kill()  # so that nobody is in memory
    _spoil(world, SPOILED_STATES | SPOILED_LAYOUTS)

    worker = world.worker()
    world.send(events(1500, seed=6, first=1500))
    world.wait_done()
    entries = _quarantined(world)
    assert {entry["visitor"] for entry in entries} == set(SPOILED_STATES)
    for entry in entries:
        assert world.client.exists(entry["key"])
        assert f"etalage visitor repair {entry['visitor']}" in worker.log(100_000)
    assert f'etalage_quarantined_total{{kind="state"}} {len(SPOILED_STATES)}.0' in worker.metrics()
    truth = fold_log(
        world.kafka, world.topic, PARTITIONS, read_meta_sync(world.redis_url, world.namespace).incarnation
    )
    wrong = differences(truth, stored_states(world.redis_url, world.namespace), most=100)[1:]
    assert {line.split(":", 2)[1] for line in wrong} == {name[2:] for name in SPOILED_STATES}
    assert worker.ready()
    assert f"{len(SPOILED_STATES)} states" in world.stack.run("doctor", "--json")

    with world.feeding(seed=700):
        assert "folded again" in world.stack.run("visitor", "repair", "u:v1")
        world.stack.run("visitor", "repair", "--all")
        world.wait_progress(everywhere=True)
    world.wait_done()
    world.compare()
    assert _quarantined(world) == []
    assert all(world.client.exists(entry["key"]) for entry in entries)
    assert worker.alive
    assert worker.ready()
    assert world.stack.running[-1] is worker


def test_a_repair_without_worker_and_of_a_state_that_was_not_set_aside(world: WorkerWorld) -> None:
    worker = world.worker()
    world.send(events(400))
    world.wait_done()
    refused = world.stack.run_unchecked("visitor", "repair", "u:v1")
    assert "can be read, and none is set aside" in refused.stderr
    world.stack.run("visitor", "repair", "u:v1", "--force")  # of a worker without traffic
    world.compare()
    assert worker.terminate() == 0
    newer = b"\x02" * 100
    _spoil(world, {
        "u:v1": lambda client, state, _: _make_list(client, state),
        "u:v2": lambda client, state, _: client.set(state, newer),
    })  # fmt: skip
    for visitor in ("u:v1", "u:v2", "u:v2"):
        world.stack.run("visitor", "repair", visitor, "--force")
    world.compare()
    world.worker()
    world.send(events(200, seed=3, first=400))
    world.wait_done()
    world.compare()


def test_a_state_of_newer_code_halts_and_says_what_to_do(world: WorkerWorld) -> None:
    world.worker().terminate()
    newer = b"\x02" * 100
    _spoil(world, {f"u:v{n}": lambda client, state, _: client.set(state, newer) for n in range(60)})
    worker = world.stack.start("worker")
    world.send(events(100))
    poll_until(lambda: not worker.alive, within_s=40, what=f"the worker halts: {worker.log()}")
    assert "start the newer code that wrote it" in worker.log()
    assert _quarantined(world) == []
