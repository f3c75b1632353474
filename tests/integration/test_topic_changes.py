"""The events topic is deleted, made anew or given partitions under running processes: they say so in time,
and bury nothing."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from streams.kafka.partitioner import partition_of
from streams.local.doctor import examine
from tests.integration.shop_http import ITEMS, HttpClient, view
from tests.integration.worker_world import PARTITIONS, Sent, WorkerWorld, events
from tests.stack import Running, poll_until

WITHIN_S = 60.0


@pytest.fixture
def admin(kafka: str) -> Iterator[Any]:
    with KafkaAdminClient(bootstrap_servers=kafka) as client:
        yield client


def unready_reason(running: Running) -> str:
    """What /readyz says while it is 503; empty while it is 200."""
    status = running.status()
    assert status, running.log()
    try:
        with urllib.request.urlopen(f"http://{status.get('probe') or status['address']}/readyz", timeout=5):
            return ""
    except urllib.error.HTTPError as exc:
        return str(json.load(exc)["reason"])


def wait_reason(running: Running, expected: str) -> None:
    poll_until(
        lambda: expected in unready_reason(running), within_s=WITHIN_S, what=f"{running.name}: {expected}"
    )


async def test_a_deleted_topic_is_told_and_tokens_of_before_are_unknown(
    world: WorkerWorld, admin: Any
) -> None:
    worker, gateway = world.worker(), world.stack.start("gateway")
    await asyncio.to_thread(gateway.wait_ready, 90)
    async with HttpClient(gateway.address) as client:
        (before,) = await client.post([view("known", ITEMS[0], "m1")])
        seen = await client.layout("a:known", after=before["token"], deadline_ms=1000)
        assert seen.version == before["token"]
        admin.delete_topics([world.topic])
        for running in (gateway, worker):
            await asyncio.to_thread(wait_reason, running, f"there is no topic {world.topic}")
        (refused,) = await client.post([view("known", ITEMS[1], "m2")])
        assert refused["status"] == "retry"
        assert (await client.layout("a:known")).slots
        world.stack.run("topics", "create", "--adopt")
        poll_until(lambda: not worker.alive, within_s=WITHIN_S, what="the worker ends")
        assert "made anew" in worker.log()
        world.worker()
        await asyncio.to_thread(gateway.wait_ready, 90)
        (after,) = await client.post([view("known", ITEMS[2], "m3")])
        layout = await client.layout("a:known", after=after["token"], deadline_ms=1000)
        assert layout.version == after["token"]
        unknown = await client.layout("a:known", after=before["token"], deadline_ms=1000)
        assert (unknown.mode, unknown.reason) == ("stale", "token_unknown")


async def test_added_partitions_end_the_worker_before_anything_is_buried(
    world: WorkerWorld, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, gateway = world.worker(), world.stack.start("gateway")
    await asyncio.to_thread(gateway.wait_ready, 90)
    world.send(events(200))
    await asyncio.to_thread(world.wait_done)
    more = PARTITIONS + 3  # not a multiple: visitors move between partitions that there were before
    admin.create_partitions({world.topic: more})
    moved = [
        Sent(one.key, one.value, place)
        for one in events(400, seed=2, first=200)
        if (place := partition_of(one.key.encode(), more)) < PARTITIONS
        and place != partition_of(one.key.encode(), PARTITIONS)
    ]
    assert len(moved) > 40
    world.send(moved[:40])  # fewer than would end a worker as too many bad records
    poll_until(lambda: not worker.alive, within_s=WITHIN_S, what="the worker ends")
    assert f"has {more} partitions" in worker.log()
    assert world.dead_letters() == {}
    await asyncio.to_thread(wait_reason, gateway, "take another ETALAGE_NAMESPACE")
    async with HttpClient(gateway.address) as client:
        (refused,) = await client.post([view("known", ITEMS[1], "m2")])
        assert refused["status"] == "retry"
        assert (await client.layout("a:known")).slots
    again = world.stack.start("worker")
    poll_until(lambda: not again.alive, within_s=WITHIN_S, what="another worker does not begin")
    assert "take another ETALAGE_NAMESPACE" in again.log()
    for name, value in {"kafka": world.kafka, "redis": world.redis_url, "namespace": world.namespace}.items():
        monkeypatch.setenv(f"ETALAGE_{name.upper()}", value)
    findings = {finding.what: finding for finding in await asyncio.to_thread(examine)}
    assert findings["namespace"].state == "fail"
    assert "take another ETALAGE_NAMESPACE" in findings["namespace"].found


async def test_doctor_tells_how_far_behind_the_stream_is(
    world: WorkerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"kafka": world.kafka, "redis": world.redis_url, "namespace": world.namespace}.items():
        monkeypatch.setenv(f"ETALAGE_{name.upper()}", value)

    def stream() -> tuple[str, str]:
        found = {finding.what: finding for finding in examine()}["stream"]
        return found.state, found.found

    silent = f"no worker has spoken of {PARTITIONS} of {PARTITIONS} partitions"
    assert await asyncio.to_thread(stream) == ("warn", silent)
    worker = world.worker()
    await asyncio.to_thread(
        poll_until, lambda: stream()[0] == "ok", within_s=WITHIN_S, what="the worker has said"
    )
    worker.kill()
    await asyncio.to_thread(
        poll_until, lambda: stream()[0] == "warn", within_s=WITHIN_S, what="what it said is old"
    )
