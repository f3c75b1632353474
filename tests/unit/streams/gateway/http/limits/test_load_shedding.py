"""The dearest work is left first, and taken again when the queue has become shorter."""

from __future__ import annotations

from typing import get_args

import httpx
import pytest

from streams.gateway.http.limits.load_shedding import SHED_ABOVE_S, TAKEN_AGAIN_BELOW, LoadShedding, Work
from tests.unit.streams.gateway.house import ANN, House, state_after_views
from tests.unit.streams.gateway.layout_requests import get_layout, labels

WORKS: tuple[Work, ...] = get_args(Work)


def test_the_dearest_work_is_left_first() -> None:
    waits = [SHED_ABOVE_S[work] for work in WORKS]
    assert waits == sorted(set(waits))
    wait_s = 0.0
    shedding = LoadShedding(lambda: wait_s)
    for n, above_s in enumerate(waits):
        wait_s = above_s * 1.001
        assert [shedding.sheds(work) for work in WORKS] == [number <= n for number in range(len(WORKS))]


def test_it_is_taken_again_when_the_wait_is_well_below() -> None:
    wait_s = 0.0
    shedding = LoadShedding(lambda: wait_s)
    above_s = SHED_ABOVE_S["rank"]
    seen = []
    for share in (1.0, 1.01, 0.9, TAKEN_AGAIN_BELOW + 0.01, TAKEN_AGAIN_BELOW - 0.01, 0.9, 1.01):
        wait_s = above_s * share
        seen.append(shedding.sheds("rank"))
    assert seen == [False, True, True, True, False, False, True]


async def ask_everything(client: httpx.AsyncClient) -> dict[str, object]:
    rank = {"visitor": ANN, "items": ["mugs-0001"]}
    return {
        "explained page": labels(await get_layout(client, explain="1")),
        "explained list": (await client.post("/v1/rank", json=rank | {"explain": True})).status_code,
        "list": (await client.post("/v1/rank", json=rank)).status_code,
        "decided page": labels(await get_layout(client, "product", item="mugs-0001")),
        "stored page": labels(await get_layout(client)),
    }


@pytest.mark.parametrize("work", WORKS)
async def test_what_a_gateway_answers_in_an_overload(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, work: Work
) -> None:
    await house.write(state_after_views(["sneakers-0001"]))
    usual = await ask_everything(client)
    assert 503 not in usual.values()
    monkeypatch.setattr(house.gateway.turns._shedding, "_wait_s", lambda: SHED_ABOVE_S[work] * 1.001)
    for_all = ("popular", "overload")
    shed = {"explained page": for_all, "explained list": 503}
    if work != "explain":
        shed["list"] = 503
    if work in ("decide", "read"):
        shed["decided page"] = for_all
    if work == "read":
        shed["stored page"] = for_all
    assert await ask_everything(client) == usual | shed
    assert house.metric(f'etalage_shed_total{{work="{work}"}}') >= 1


async def test_in_an_overload_a_page_is_about_nothing_a_client_can_invent(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.gateway.turns._shedding, "_wait_s", lambda: 1.0)
    taken = 0
    take = house.gateway.turns.take

    async def counted(until: float) -> None:
        nonlocal taken
        taken += 1
        await take(until)

    monkeypatch.setattr(house.gateway.turns, "take", counted)
    for n in range(5):
        assert labels(await get_layout(client, "search", q=f"q{n}")) == ("popular", "overload")
    assert taken == 1
