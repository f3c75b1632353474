"""Processes of a shop under load are restarted, one of a kind or all: no request and no event is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.topics import EVENTS
from streams.stores.provisioning import read_meta_sync
from tests.faults.oracle import differences, done_offsets, fold_log, stored_states
from tests.running_up import Up, command
from tests.shop_load import ShopLoad
from tests.stack import poll_until

PARTITIONS = 8
GATEWAYS = ("gateway-1", "gateway-2")
REQUESTS_MIN = 100

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def up(kafka: str, redis_url: str, namespace: str, tmp_path: Path) -> Iterator[Up]:
    """A shop with two workers and two gateways."""
    options = ("--no-shoppers", "--workers", "2", "--namespace", namespace)
    with Up(tmp_path / "shop", *options, kafka=kafka, redis=redis_url) as running:
        running.await_ready()
        yield running


async def test_a_gateway_restarted_under_load_refuses_and_resets_nothing(up: Up) -> None:
    assert_each_gateway_has_probes_of_its_own(up)
    load = ShopLoad(up.address)
    async with load.running():
        for name in GATEWAYS:
            before = up.pid_of(name)
            os.kill(before, signal.SIGTERM)
            await asyncio.to_thread(up.await_restarted, name, before)
    assert not load.failed(), up.output()
    assert len(load.requests) > REQUESTS_MIN


async def test_the_one_gateway_there_is_keeps_clients_waiting_and_refuses_none(
    kafka: str, redis_url: str, namespace: str, tmp_path: Path
) -> None:
    options = ("--no-shoppers", "--gateways", "1", "--namespace", namespace)
    with Up(tmp_path / "shop", *options, kafka=kafka, redis=redis_url) as up:
        up.await_ready()
        load = ShopLoad(up.address, answer_within_s=120)
        async with load.running():
            before = up.pid_of("gateway-1")
            os.kill(before, signal.SIGTERM)
            await asyncio.to_thread(up.await_restarted, "gateway-1", before)
        assert not load.failed(), up.output()


async def test_all_restarted_in_turn_lose_no_request_and_no_event(
    up: Up, kafka: str, redis_url: str, namespace: str
) -> None:
    before = {name: child["pid"] for name, child in up.status()["children"].items()}
    load = ShopLoad(up.address)
    async with load.running():
        done = await asyncio.to_thread(command, "restart", "--data", str(up.folder), within_s=300)
        assert done.returncode == 0, done.stderr + up.output()
    assert not load.failed(), up.output()
    after = {name: child["pid"] for name, child in up.status()["children"].items()}
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
    assert_every_event_is_applied(load, kafka, redis_url, namespace)


def assert_every_event_is_applied(load: ShopLoad, kafka: str, redis_url: str, namespace: str) -> None:
    accepted = len(load.tokens)
    poll_until(
        lambda: sum(done_offsets(redis_url, namespace, PARTITIONS)) >= accepted,
        within_s=60, what=f"{accepted} events applied",
    )  # fmt: skip
    truth = fold_log(
        kafka, EVENTS.full_name(namespace), PARTITIONS, read_meta_sync(redis_url, namespace).incarnation
    )
    assert truth.records == len({token.text() for token in load.tokens}) == len(load.tokens) > 0
    assert not differences(truth, stored_states(redis_url, namespace))


def assert_each_gateway_has_probes_of_its_own(up: Up) -> None:
    children = up.status()["children"]
    probes = {children[name]["probe"] for name in GATEWAYS}
    assert {children[name]["address"] for name in GATEWAYS} == {up.address}
    assert len(probes | {up.address}) == 3
    for probe in probes:
        with urllib.request.urlopen(f"http://{probe}/readyz", timeout=10) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"http://{probe}/metrics", timeout=10) as answer:
            assert b"etalage_ready 1" in answer.read()
