"""An app's queue of hundreds of events, sent again after its worker died, changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from models.visitor.packing import unpack
from tests.faults.oracle import stored_states
from tests.integration.shop_http import HttpClient, view
from tests.integration.worker_world import WorkerWorld
from tests.stack import Running

QUEUE = 400


@pytest.fixture
def world(tmp_path: Path, namespace: str, kafka: str, redis_url: str) -> Iterator[WorkerWorld]:
    world = WorkerWorld(tmp_path, namespace, kafka, redis_url)
    yield world
    world.close()


async def test_a_queue_sent_again_after_the_worker_died_changes_nothing(world: WorkerWorld) -> None:
    worker = world.worker()
    gateway = world.stack.start("gateway").wait_ready()
    queue = [view("app", f"item-{number % 50}", f"q{number}") for number in range(QUEUE)]
    await post_all(gateway, queue)
    world.wait_done()
    once = stored(world)
    assert unpack(once).events == QUEUE
    worker.kill()
    await post_all(gateway, queue)
    world.worker()
    world.wait_done()
    again = stored(world)
    assert replace(unpack(again), offset=0) == replace(unpack(once), offset=0)
    assert unpack(again).offset == unpack(once).offset + QUEUE
    world.compare()


async def post_all(gateway: Running, queue: list[dict[str, Any]]) -> None:
    """In one request, as an app that was offline does."""
    async with asyncio.timeout(60), HttpClient(gateway.address) as client:
        results = await client.post(queue)
    assert {result["status"] for result in results} == {"accepted"}, results[:2]


def stored(world: WorkerWorld) -> bytes:
    """The app's packed state with its window."""
    (packed,) = stored_states(world.redis_url, world.namespace).values()
    return packed
