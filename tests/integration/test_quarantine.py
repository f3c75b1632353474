"""Keys of some visitors hold what no worker wrote: they are set aside, all others go on, and repair mends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.kafka.partitioner import partition_of
from streams.stores.keys import Keys
from tests.integration.worker_world import PARTITIONS, WorkerWorld, events
from tests.stack import poll_until

Spoil = Callable[[Any, str, str], None]


def _layout_list(client: Any, state: str, layout: str) -> None:
    client.delete(layout)
    client.rpush(layout, "x")


SPOILED_STATES: dict[str, Spoil] = {
    "u:v1": lambda client, state, _: (client.delete(state), client.rpush(state, "a", "b")),  # type: ignore[dict-item]
    "u:v2": lambda client, state, _: (client.delete(state), client.sadd(state, "a")),  # type: ignore[dict-item]
    "u:v4": lambda client, state, _: (client.delete(state), client.hset(state, "a", "b")),  # type: ignore[dict-item]
    "u:v5": lambda client, state, _: client.set(state, b"garbage"),  # type: ignore[dict-item]
    "u:v7": lambda client, state, _: client.set(state, b""),  # type: ignore[dict-item]
    "u:v8": lambda client, state, _: client.set(state, b"\x01" * 300),  # type: ignore[dict-item]
    "u:v10": lambda client, state, _: client.set(state, b"\x01" * 5_000_000),  # type: ignore[dict-item]
}
SPOILED_LAYOUTS: dict[str, Spoil] = {
    "a:v3": _layout_list,
    "a:v6": lambda client, _, layout: (client.delete(layout), client.set(layout, "x")),  # type: ignore[dict-item]
    "a:v9": lambda client, _, layout: client.hset(layout, mapping={"h": b"\xff{", "b": b"garbage"}),  # type: ignore[dict-item]
    "a:v12": lambda client, _, layout: client.hdel(layout, "b"),  # type: ignore[dict-item]
    "a:v15": lambda client, _, layout: client.hset(layout, "b", b"x" * 3_000_000),  # type: ignore[dict-item]
}


@pytest.fixture
def world(tmp_path: Path, namespace: str, kafka: str, redis_url: str) -> Iterator[WorkerWorld]:
    made = WorkerWorld(tmp_path, namespace, kafka, redis_url)
    yield made
    made.close()


def _spoil(world: WorkerWorld, how: dict[str, Spoil]) -> None:
    keys = Keys(world.namespace)
    for visitor, spoil in how.items():
        partition: Any = partition_of(visitor.encode(), PARTITIONS)
        spoil(world.client, keys.state(partition, visitor), keys.layout(partition, visitor))  # type: ignore[arg-type]


def test_spoiled_keys_stop_nobody_and_repair_gives_the_fold_of_the_log(world: WorkerWorld) -> None:
    world.worker().terminate()
    world.worker()
    world.send(events(1500))
    world.wait_done()
    truth = world.compare()
    assert {*SPOILED_STATES, *SPOILED_LAYOUTS} <= truth.states.keys()
    world.stack.running[-1].kill()  # so that nobody is cached
    _spoil(world, SPOILED_STATES | SPOILED_LAYOUTS)
    worker = world.worker()
    with world.feeding(seed=5):
        world.wait_progress(everywhere=True)
    world.send(events(600, seed=6, first=5000))
    world.wait_done()
    assert worker.alive
