"""Who dies comes back as the member it was; who ends in order leaves the group.

Sessions last longer than any test: waiting for the end of one would fail it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.stores.keys import Keys
from tests.integration.worker_world import PARTITIONS, WorkerWorld, events
from tests.stack import Running

SESSION_S = 900

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def world(kafka: str, redis_url: str, namespace: str, tmp_path: Path) -> Iterator[WorkerWorld]:
    made = WorkerWorld(tmp_path, namespace, kafka, redis_url, session_timeout_s=str(SESSION_S))
    yield made
    made.close()


def start_two(world: WorkerWorld) -> tuple[Running, Running]:
    """Two workers with instance ids, each of which has partitions."""
    first, second = world.worker(instance_id="one"), world.worker(instance_id="two")
    world.send(events(400))
    world.wait_done()
    return first.wait_ready(), second


def claims(world: WorkerWorld, field: str) -> list[bytes]:
    """A field of the claims of all partitions: `g`, the group's generation, or `e`, the epoch."""
    keys = Keys(world.namespace)
    client: Any = world.client
    found = [client.hget(keys.own(partition), field) for partition in range(PARTITIONS)]
    assert all(found)
    return found


def test_a_killed_worker_that_comes_back_under_its_id_has_its_partitions_at_once(world: WorkerWorld) -> None:
    first, _ = start_two(world)
    generations, epochs = claims(world, "g"), claims(world, "e")
    first.kill()
    world.worker(instance_id="one")
    world.send(events(400, seed=2, first=400))
    world.wait_done()
    world.compare()
    assert claims(world, "g") == generations  # no rebalance
    moved = [now != then for now, then in zip(claims(world, "e"), epochs, strict=True)]
    assert sum(moved) == PARTITIONS // 2  # those of the killed one, and no others


def test_one_that_ends_in_order_leaves_the_group_for_good(world: WorkerWorld) -> None:
    first, second = start_two(world)
    assert first.terminate() == 0
    world.send(events(400, seed=2, first=400))
    world.wait_done()
    world.compare()
    assert second.alive
