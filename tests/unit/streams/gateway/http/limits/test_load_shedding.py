"""Pages are not even read while the loop is late again and again; what a gateway answers in an overload."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from streams.gateway.http.limits.load_shedding import LOOK_EVERY_S, LOOKS, SHED_ABOVE_S, LoadShedding
from streams.runtime.tasks import cancel_and_wait
from streams.runtime.telemetry.metrics import Metrics
from tests.unit.streams.gateway.house import ANN, House, state_after_views
from tests.unit.streams.gateway.layout_requests import get_layout, labels
from tests.unit.streams.gateway.virtual_time import virtual_loop


def test_late_once_is_no_overload_and_it_ends_well_below() -> None:
    shedding = LoadShedding(Metrics())
    seen = []
    late, well_below = SHED_ABOVE_S * 1.01, SHED_ABOVE_S * 0.49
    for late_s in [late] * (LOOKS - 1) + [0.0] + [late] * LOOKS + [SHED_ABOVE_S * 0.9, well_below]:
        shedding.look(late_s)
        seen.append(shedding.sheds())
    assert seen == [False] * (2 * LOOKS - 1) + [True, True, False]


async def test_the_loop_is_looked_at() -> None:
    shedding, loop = LoadShedding(Metrics()), virtual_loop()
    watching = asyncio.create_task(shedding.watch())
    for _ in range(LOOKS + 1):
        assert not shedding.sheds()
        for _ in range(3):  # the watcher wakes, and falls asleep again
            await asyncio.sleep(0)
        loop.advance(LOOK_EVERY_S + 1.0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert shedding.sheds()
    await cancel_and_wait(watching)


async def ask_everything(client: httpx.AsyncClient) -> dict[str, object]:
    rank = {"visitor": ANN, "items": ["mugs-0001"]}
    return {
        "explained page": labels(await get_layout(client, explain="1")),
        "explained list": (await client.post("/v1/rank", json=rank | {"explain": True})).status_code,
        "list": (await client.post("/v1/rank", json=rank)).status_code,
        "decided page": labels(await get_layout(client, "product", item="mugs-0001")),
        "stored page": labels(await get_layout(client)),
    }


async def test_what_a_gateway_answers_when_no_dear_work_is_let_in(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.write(state_after_views(["sneakers-0001"]))
    usual = await ask_everything(client)
    assert 503 not in usual.values()
    monkeypatch.setattr(house.gateway.shared_loop.admission, "_at_once", 0)
    for_all = ("popular", "overload")
    assert await ask_everything(client) == {
        "explained page": for_all,
        "explained list": 503,
        "list": 503,
        "decided page": for_all,
        "stored page": usual["stored page"],
    }
    for work, times in (("explain", 1), ("rank", 2), ("decide", 1)):
        assert house.metric(f'etalage_shed_total{{work="{work}"}}') == times
    monkeypatch.setattr(house.gateway.shared_loop.shedding, "_sheds", True)
    assert labels(await get_layout(client)) == for_all


async def test_in_an_overload_a_page_is_about_nothing_a_client_can_invent(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.gateway.shared_loop.admission, "_at_once", 0)
    taken = 0
    take = house.gateway.shared_loop.turns.take

    async def counted(until: float) -> None:
        nonlocal taken
        taken += 1
        await take(until)

    monkeypatch.setattr(house.gateway.shared_loop.turns, "take", counted)
    for n in range(5):
        assert labels(await get_layout(client, "search", q=f"q{n}")) == ("popular", "overload")
    assert taken == 1
