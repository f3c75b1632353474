"""Whatever a request costs, the loop turns while it is made: work is spread over iterations, and bounded."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from models.catalog.enrichment import enrich_event
from models.policy.decide import decide, popular_layout
from models.policy.rerank import Ranked, rank
from schemas.ids import Version, VisitorId
from schemas.layouts import Why
from streams.gateway.events.intake import validation
from streams.gateway.layouts import on_demand, popular_cache, read_your_writes
from streams.gateway.layouts import rank as rank_route
from streams.gateway.layouts.rank import EXPLAINED_AT_ONCE, RankAnswer
from tests.unit.streams.gateway.house import ANN, META, House, event, state_after_views
from tests.unit.streams.gateway.layout_requests import get_layout, labels
from tests.unit.streams.gateway.loop_iterations import count_iterations
from tests.unit.streams.gateway.virtual_time import virtual_loop

ASKED, WAITING = 60, 40
"""Requests with a token, and how many of them may wait for it."""


def spied(work: Callable[..., Any], iterations: Callable[[], int], seen: Counter[int]) -> Callable[..., Any]:
    """`work`, counted by the iteration of the loop it ran in."""

    def counted(*arguments: Any, **named: Any) -> Any:
        seen[iterations()] += 1
        return work(*arguments, **named)

    return counted


async def test_a_long_list_is_explained_in_pieces(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = list(house.gateway.shop().items.ids)
    await house.write(state_after_views(ids[:3]))
    seen = Counter[int]()
    monkeypatch.setattr(house.gateway.shared_loop.turns, "_clock", lambda: 0.0)  # iterations alone count
    async with count_iterations() as iterations:
        explain = Ranked.explain

        def counted(ranked: Ranked, start: int, end: int) -> list[Why | None]:
            seen[iterations()] += end - start
            return explain(ranked, start, end)

        monkeypatch.setattr(Ranked, "explain", counted)
        body = {"visitor": ANN, "items": ["nobody", *ids], "explain": True}
        answers = await asyncio.gather(*(client.post("/v1/rank", json=body) for _ in range(2)))
    assert max(seen.values()) <= EXPLAINED_AT_ONCE
    for answer in answers:
        ranked = msgspec.json.decode(answer.content, type=RankAnswer)
        assert len(ranked.items) == len(ids) + 1
        assert all(item.why is not None for item in ranked.items[:-1])
        assert ranked.items[-1].why is None
    plain = await client.post("/v1/rank", json=body | {"explain": False})
    for item in (given := answers[0].json())["items"]:
        item.pop("why", None)
    assert given == plain.json()


async def test_one_layout_or_list_is_computed_in_an_iteration(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Counter[int]()
    monkeypatch.setattr(house.gateway.shared_loop.turns, "_clock", lambda: 0.0)  # iterations alone count
    async with count_iterations() as iterations:
        monkeypatch.setattr(on_demand, "decide", spied(decide, iterations, seen))
        monkeypatch.setattr(popular_cache, "popular_layout", spied(popular_layout, iterations, seen))
        monkeypatch.setattr(rank_route, "rank", spied(rank, iterations, seen))
        await asyncio.gather(
            *(get_layout(client, "category", category="bags", visitor=f"a:{n}") for n in range(5)),
            *(get_layout(client, explain="1", visitor=f"a:x{n}") for n in range(5)),
            *(
                client.get(
                    "/v1/layouts/search",
                    params={"visitor": ANN, "q": f"q{n}"},
                    headers={"user-agent": "bot/1"},
                )
                for n in range(5)
            ),
            *(client.post("/v1/rank", json={"visitor": ANN, "items": ["mugs-0001"]}) for n in range(5)),
        )
    assert seen.total() == 20
    assert max(seen.values()) == 1


async def test_without_a_turn_a_layout_is_still_answered(house: House, client: httpx.AsyncClient) -> None:
    await house.write(state_after_views(["sneakers-0001"]))
    house.gateway.shared_loop.turns._waiting_max = 0
    await house.gateway.shared_loop.turns.take(0.0)
    crowd = [asyncio.create_task(house.gateway.shared_loop.turns.take_another()) for _ in range(200)]
    assert labels(await get_layout(client)) == ("popular", "model_missing"), "a stored layout needs no turn"
    assert labels(await get_layout(client, "cart")) == ("static", "overload")
    answer = await client.post("/v1/rank", json={"visitor": ANN, "items": ["mugs-0001"]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    await asyncio.gather(*crowd)
    house.gateway.shared_loop.turns._waiting_max = 1
    assert labels(await get_layout(client, "cart")) == ("popular", "model_missing")


async def test_large_events_are_validated_a_few_at_a_time(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    large: dict[str, Any] = {
        "properties": {"items": [{"item_id": "sneakers-0001"}] * 100},
        "context": {"user_agent": "x" * 900},
    }
    seen = Counter[int]()
    async with count_iterations() as iterations:
        monkeypatch.setattr(validation, "enrich_event", spied(enrich_event, iterations, seen))
        events = [event(n, visitor=f"v{n}", **large) for n in range(100)]
        answer = await client.post("/v1/events", content=msgspec.json.encode(events))
    assert {result["status"] for result in answer.json()["results"]} == {"accepted"}
    most = validation.BYTES_AT_ONCE // len(msgspec.json.encode(events[0]))
    assert max(seen.values()) <= most < 20


async def test_a_body_of_nothing_but_commas_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/events", content=b"[" + b"1," * validation.COMMAS_MAX + b"1,1]")
    assert answer.status_code == 413


async def test_tokens_that_never_come_cost_few_reads(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.write(state_after_views(["sneakers-0001"], offset=5))
    reads, reading, at_once = 0, 0, 0
    read_all = house.store.state_layout_done

    async def counted(partition: int, visitor: VisitorId) -> Any:
        nonlocal reads, reading, at_once
        reads, reading = reads + 1, reading + 1
        if virtual_loop().time() > started:  # the first reads are no waiting
            at_once = max(at_once, reading)
        await asyncio.sleep(0)
        reading -= 1
        return await read_all(partition, visitor)

    monkeypatch.setattr(house.store, "state_layout_done", counted)
    monkeypatch.setattr(read_your_writes, "WAITING_MAX", WAITING)
    token = Version(META.incarnation, house.partition(), 99).text()
    started = virtual_loop().time()
    asked = [asyncio.create_task(get_layout(client, after=token, deadline_ms=1000)) for _ in range(ASKED)]
    for offset in range(6, 20):  # other events of the same visitor come meanwhile
        await asyncio.sleep(0.03)
        await house.write(state_after_views(["sneakers-0001"], offset=offset))
    layouts = await asyncio.gather(*asked)
    assert {labels(layout) for layout in layouts} == {("stale", "stream_stale")}
    assert reads <= ASKED + 8 * WAITING
    assert 1 < at_once <= read_your_writes.READ_AT_ONCE
