"""Over real processes: what is behind says so. A worker that stands still, a Redis that forgot everything."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import pytest

from schemas.ids import Version
from schemas.layouts import Layout
from tests.integration.shop_http import ITEMS, HttpClient, view
from tests.integration.worker_world import WorkerWorld
from tests.stack import Running, Stack

WITHIN_S = 60.0
STALE = ("stale", "stream_stale")
GOOD = ("ok", "cold_start", "model_missing")
"""Reasons of an answer that is as fresh as promised."""
KNOWN, NEW = "a:known", "a:new"


async def started(stack: Stack) -> tuple[Running, Running]:
    worker, gateway = stack.start("worker"), stack.start("gateway")
    for running in (worker, gateway):
        await asyncio.to_thread(running.wait_ready, 90)
    return worker, gateway


async def wait_for(client: HttpClient, visitor: str, accepts: Callable[[Layout], bool]) -> Layout:
    async with asyncio.timeout(WITHIN_S):
        while not accepts(layout := await client.layout(visitor)):  # noqa: ASYNC110 - HTTP has no event
            await asyncio.sleep(0.05)
    return layout


def is_stale(layout: Layout) -> bool:
    return (layout.mode, layout.reason) == STALE


async def test_with_the_worker_stopped_every_answer_says_stale(stack: Stack) -> None:
    worker, gateway = await started(stack)
    async with HttpClient(gateway.address) as client:
        (posted,) = await client.post([view("known", ITEMS[0], "m1")])
        await client.layout(KNOWN, after=posted["token"], deadline_ms=1000)
        for visitor in (KNOWN, NEW):
            fresh = await wait_for(client, visitor, lambda layout: not is_stale(layout))
            assert fresh.behind_ms is not None
        worker.send(signal.SIGSTOP)
        try:
            await client.post([view("known", ITEMS[1], "m2")])
            for visitor in (KNOWN, NEW):
                stale = await wait_for(client, visitor, is_stale)
                assert stale.behind_ms is not None
                assert stale.behind_ms > 3000
            status, body = await client.ask("GET", "/readyz")
            assert status == 200
            assert b"behind" in body
        finally:
            worker.send(signal.SIGCONT)
        for visitor in (KNOWN, NEW):
            await wait_for(client, visitor, lambda layout: not is_stale(layout))


@pytest.mark.parametrize("how", ["flushed", "restored"])
async def test_no_version_goes_back_unlabelled(world: WorkerWorld, how: str) -> None:
    """Redis forgets everything, or all but its beginning, while visitors ask all the time."""
    world.worker()
    gateway = world.stack.start("gateway")
    await asyncio.to_thread(gateway.wait_ready, 90)
    visitors = [f"a:v{number}" for number in range(12)]
    early: dict[str, bytes] = {}
    async with HttpClient(gateway.address) as client:

        async def post(round_: int) -> None:
            events = [view(v[2:], ITEMS[round_ % 50], f"{v}-{round_}") for v in visitors]
            for result in await client.post(events):
                assert result["status"] == "accepted"

        for round_ in range(60):
            await post(round_)
            if round_ == 20:
                await asyncio.to_thread(world.wait_done)
                early = dump(world)
        await asyncio.to_thread(world.wait_done)
        for visitor in visitors:
            await wait_for(client, visitor, lambda layout: not is_stale(layout))
        shown: dict[str, int] = {}
        labelled = await ask_all(client, visitors, shown, seconds=1.0)
        assert labelled == 0
        world.forget()
        if how == "restored":
            restore(world, early)
        labelled = await ask_all(client, visitors, shown, seconds=1.0)
        assert labelled > 0
        for visitor in visitors:
            await ask_all(client, visitors, shown, seconds=0.2)
            layout = await wait_for(client, visitor, lambda layout: layout.reason in GOOD)
            assert offset_of(layout) >= shown[visitor]


async def ask_all(client: HttpClient, visitors: list[str], shown: dict[str, int], *, seconds: float) -> int:
    """Ask for everybody's page all the time; no version may be before the one `shown` unless a label says so.

    Returns:
        How many answers had such a label.
    """
    labelled = 0
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until:
        for visitor in visitors:
            layout = await client.layout(visitor)
            if layout.reason not in GOOD:
                labelled += 1
                continue
            assert offset_of(layout) >= shown.get(visitor, -1), f"{visitor}: {layout.mode}/{layout.reason}"
            shown[visitor] = offset_of(layout)
    return labelled


def offset_of(layout: Layout) -> int:
    return Version.parse(layout.version).offset


def dump(world: WorkerWorld) -> dict[str, bytes]:
    names = list(world.client.scan_iter(f"*{{{world.namespace}.*", count=5000))
    return {name: world.client.dump(name) for name in names}


def restore(world: WorkerWorld, contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        world.client.restore(name, 0, content, replace=True)
