"""I5 over real processes: whatever is down, blocked or broken, a GET is answered 200, valid and in time."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from schemas.layouts import REASONS, Layout
from schemas.storefront import PAGE_ORDER
from streams.local.servers.kafka import LocalKafka
from streams.local.servers.redis import LocalRedis
from streams.runtime.settings import Settings
from streams.stores.provisioning import create_topics
from tests.integration.shop_http import HttpClient, fill_shop, view
from tests.stack import Running, Stack

SUBJECT = {"item": "sneakers-0001", "category": "sneakers", "q": "shoes"}
DEADLINE_MS = 100
CLIENT_SLACK_S = 1.5
"""What a crowded machine may add between a socket and our test, which gives up after it. The gateway itself
counts an answer as late after 10 ms, see `assert_hardly_ever_late`."""

POST_WITHIN_S = 3.0

Labels = Counter[tuple[str, str]]


@pytest.fixture
def kafka_server(tmp_path: Path) -> Iterator[LocalKafka]:
    """A Kafka to be killed."""
    server = LocalKafka(tmp_path / "kafka")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stack(tmp_path: Path, kafka_server: LocalKafka, redis_server: LocalRedis) -> Iterator[Stack]:
    folder = tmp_path / "stack"
    folder.mkdir()
    quick = {"shop_cache": str(tmp_path / "shop.cache")}
    with Stack(folder, "i5", kafka_server.address, redis_server.url, settings=quick) as made:
        create_topics(Settings(kafka=made.kafka, redis=made.redis, namespace="i5", partitions=4))
        yield made


async def ask_all(gateway: Running, rounds: int = 8) -> Labels:
    """Every page for visitors known and unknown; each answer must be a valid layout, and not late."""
    seen: Labels = Counter()
    async with HttpClient(gateway.address) as client:
        for number in range(rounds):
            for page in PAGE_ORDER:
                for visitor in ("a:regular", f"a:new-{number}"):
                    async with asyncio.timeout(DEADLINE_MS / 1000 + CLIENT_SLACK_S):
                        layout = await client.layout(visitor, page, deadline_ms=DEADLINE_MS, **SUBJECT)
                    _assert_valid(layout, page, visitor)
                    seen[layout.mode, layout.reason] += 1
    return seen


def _assert_valid(layout: Layout, page: str, visitor: str) -> None:
    assert (layout.page, layout.visitor_id) == (page, visitor)
    assert layout.reason in REASONS
    assert layout.slots
    for slot in layout.slots:
        assert slot.module.decision_id == f"{layout.layout_id}/{slot.slot}"


async def wait_for_labels(gateway: Running, expected: set[tuple[str, str]], within_s: float = 30.0) -> None:
    """Ask until all labels are among `expected`."""
    give_up = time.monotonic() + within_s
    while (seen := await ask_all(gateway, 1)).keys() - expected:
        assert time.monotonic() < give_up, f"{dict(seen)} after {within_s:.0f} s, not {expected}"


def count_late_and_all(gateway: Running) -> tuple[float, float]:
    """Answers more than 10 ms past their deadline, and all, as the process itself measured them."""
    text = gateway.metrics()
    late = re.findall(r"^etalage_layout_late_total (\S+)$", text, re.MULTILINE)
    answered = re.findall(r"^etalage_layout_responses_total{.*} (\S+)$", text, re.MULTILINE)
    return sum(map(float, late)), sum(map(float, answered))


def assert_hardly_ever_late(gateway: Running) -> None:
    late, answered = count_late_and_all(gateway)
    assert answered >= 80
    assert late <= max(1.0, answered / 10_000), f"{late:.0f} of {answered:.0f} answers were late"


async def assert_posts_are_to_be_sent_again(gateway: Running) -> None:
    """Without Kafka every event is answered `retry`, and soon."""
    async with HttpClient(gateway.address) as client:
        for attempt in range(3):
            async with asyncio.timeout(POST_WITHIN_S):
                (result,) = await client.post([view("regular", "sneakers-0001", f"down-{attempt}")])
            assert result["status"] == "retry"


async def assert_nothing_else_is_answered_before_keys_are_read(gateway: Running) -> None:
    """Redis may hold keys: whoever posts is told to come back."""
    async with HttpClient(gateway.address) as client:
        event = orjson.dumps({"events": [view("regular", "sneakers-0001", "down")]})
        for method, path, body in (("POST", "/v1/events", event), ("GET", "/metrics", b"")):
            status, _ = await client.ask(method, path, body)
            assert status == 503, path


GOOD = {("full", "ok"), ("popular", "cold_start")}
STALE = ("stale", "stream_stale")
"""Redis answers, and no worker says that it has everything that Kafka has."""
NO_REDIS = {
    ("popular", "redis_down"),
    ("popular", "redis_timeout"),
    ("stale", "redis_down"),
    ("stale", "redis_timeout"),
}


@pytest.mark.timeout(280)
async def test_midway(
    stack: Stack, kafka_server: LocalKafka, redis_server: LocalRedis, tmp_path: Path
) -> None:
    await asyncio.to_thread(fill_shop, stack, tmp_path)
    worker, gateway = stack.start("worker"), stack.start("gateway")
    for running in (worker, gateway):
        await asyncio.to_thread(running.wait_ready, 90)
    async with HttpClient(gateway.address) as client:
        (result,) = await client.post([view("regular", "sneakers-0001", "first")])
        layout = await client.layout("a:regular", after=result["token"], deadline_ms=1000)
        assert layout.mode != "static"
    await wait_for_labels(gateway, GOOD)

    redis_server.pause()
    assert not (await ask_all(gateway)).keys() - NO_REDIS
    redis_server.resume()
    await wait_for_labels(gateway, GOOD)

    await asyncio.to_thread(redis_server.kill)
    assert not (await ask_all(gateway)).keys() - NO_REDIS
    await asyncio.to_thread(kafka_server.kill)
    assert not (await ask_all(gateway)).keys() - NO_REDIS
    await assert_posts_are_to_be_sent_again(gateway)

    await asyncio.to_thread(redis_server.start)
    await wait_for_labels(gateway, {STALE})
    await assert_posts_are_to_be_sent_again(gateway)
    await asyncio.to_thread(kafka_server.start)
    await _wait_for_accepted_posts(gateway)
    await wait_for_labels(gateway, GOOD, within_s=60)
    assert_hardly_ever_late(gateway)


async def _wait_for_accepted_posts(gateway: Running) -> None:
    event = view("regular", "sneakers-0001", "again")
    async with HttpClient(gateway.address) as client, asyncio.timeout(60):
        while (await client.post([event]))[0]["status"] != "accepted":  # noqa: ASYNC110 - HTTP has no event
            await asyncio.sleep(0.2)


@pytest.mark.timeout(280)
async def test_at_boot(
    stack: Stack, kafka_server: LocalKafka, redis_server: LocalRedis, tmp_path: Path
) -> None:
    for server in (kafka_server, redis_server):
        await asyncio.to_thread(server.kill)
    bare = stack.start("gateway", shop_cache="")
    await _wait_for_address(bare)
    assert {mode for mode, _ in await ask_all(bare)} == {"static"}
    await assert_nothing_else_is_answered_before_keys_are_read(bare)
    assert not bare.ready()

    await asyncio.to_thread(kafka_server.start)
    await asyncio.to_thread(redis_server.start)
    await asyncio.to_thread(fill_shop, stack, tmp_path)
    await asyncio.to_thread(bare.wait_ready, 60)
    await wait_for_labels(bare, {STALE})
    assert_hardly_ever_late(bare)

    keeper = stack.start("gateway").wait_ready(60)
    await asyncio.to_thread(keeper.terminate)
    for server in (kafka_server, redis_server):
        await asyncio.to_thread(server.kill)
    cached = stack.start("gateway")
    await _wait_for_address(cached)
    seen = await ask_all(cached)
    assert not seen.keys() - NO_REDIS, "the last shop is on disk"
    for gateway in (bare, cached):
        assert gateway.terminate() == 0


async def _wait_for_address(gateway: Running) -> None:
    """Wait until the process listens; the services it needs are not there."""
    async with asyncio.timeout(60):
        while (gateway.status() or {}).get("address") is None:
            assert gateway.alive, gateway.log()
            await asyncio.sleep(0.1)


@pytest.mark.timeout(200)
async def test_without_a_usable_model(stack: Stack, tmp_path: Path) -> None:
    await asyncio.to_thread(fill_shop, stack, tmp_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model.onnx").write_bytes(b"no model")
    (broken / "manifest.json").write_bytes(orjson.dumps({"name": "broken"}))
    stack.start("worker", ranker="none").wait_ready(90)
    gateways = [stack.start("gateway", ranker="none"), stack.start("gateway", ranker=str(broken))]
    for gateway in gateways:
        await asyncio.to_thread(gateway.wait_ready, 60)
        async with HttpClient(gateway.address) as client:
            (result,) = await client.post([view("regular", "sneakers-0001", f"to {gateway.name}")])
            layout = await client.layout("a:regular", "cart", after=result["token"], deadline_ms=1000)
            assert (layout.reason, layout.model.role) == ("model_missing", "understudy")
        unranked = {("popular", "model_missing"), ("popular", "cold_start")}
        await wait_for_labels(gateway, unranked)
        assert (await ask_all(gateway)).keys() == unranked
        assert_hardly_ever_late(gateway)
