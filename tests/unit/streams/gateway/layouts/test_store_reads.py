"""What opens the circuit before Redis: only what Redis itself did."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from schemas.errors import KeyUnreadable
from streams.gateway.layouts.fallbacks import MARGIN_S
from streams.gateway.layouts.store_reads import MIN_COUNTED_WAIT_S
from streams.runtime.circuit_breaker import FAILURES_TO_OPEN, TRIAL_EVERY_S
from tests.unit.streams.gateway.house import House
from tests.unit.streams.gateway.layout_requests import SHOES, STORE_READS, break_store, get_layout, labels
from tests.unit.streams.gateway.virtual_time import virtual_loop

FAIR_MS = int((MIN_COUNTED_WAIT_S + 2 * MARGIN_S) * 1000)
"""A deadline that gives Redis a fair chance."""


async def test_an_open_circuit_does_not_wait(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_store(house, monkeypatch, hangs=True)
    for _ in range(FAILURES_TO_OPEN):
        await get_layout(client, deadline_ms=FAIR_MS)
    started = virtual_loop().time()
    layout = await get_layout(client, deadline_ms=1000)
    assert virtual_loop().time() == started
    assert labels(layout) == ("popular", "redis_down")
    monkeypatch.undo()
    await asyncio.sleep(TRIAL_EVERY_S)
    assert labels(await get_layout(client)) == ("popular", "cold_start")
    assert house.gateway.reads.circuit.state == "closed"


async def test_callers_in_a_hurry_do_not_open_the_circuit(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = await house.write(SHOES)
    break_store(house, monkeypatch, hangs=True)
    for _ in range(FAILURES_TO_OPEN + 1):
        assert labels(await get_layout(client, deadline_ms=5)) == ("popular", "redis_timeout")
    monkeypatch.undo()
    assert house.gateway.reads.circuit.state == "closed"
    assert (await get_layout(client, deadline_ms=1000)).version == version


async def test_a_lost_connection_opens_the_circuit_however_short_the_wait(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_store(house, monkeypatch, hangs=False)
    for _ in range(FAILURES_TO_OPEN):
        await get_layout(client, deadline_ms=5)
    assert house.gateway.reads.circuit.state == "open"


async def test_a_key_of_one_visitor_says_nothing_of_the_others(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_: object) -> None:
        raise KeyUnreadable("Redis: WRONGTYPE")

    for name in STORE_READS:
        monkeypatch.setattr(house.store, name, unreadable)
    for _ in range(FAILURES_TO_OPEN + 1):
        assert labels(await get_layout(client, deadline_ms=FAIR_MS)) == ("popular", "redis_down")
    assert house.gateway.reads.circuit.state == "closed"
    assert 'store_errors_total{kind="unreadable"}' in house.gateway.metrics.render().decode()
