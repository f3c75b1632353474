"""Server-sent events: the current layout first, then each change, nothing twice."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from streams.gateway.http.problems import PROBLEM_TYPE
from streams.gateway.layouts import on_demand, stream
from streams.gateway.layouts.stream import COME_BACK_MS, READ_AT_ONCE, REDECIDE_EVERY_S, RETRY_MS
from tests.unit.models.layout.shop_changes import push_items, push_rules
from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import ANN, House, open_gateway, state_after_views
from tests.unit.streams.gateway.layout_requests import (
    NO_SNEAKERS,
    PIN,
    PINNED,
    SHOES,
    break_store,
    item_ids,
    labels,
)
from tests.unit.streams.gateway.virtual_time import virtual_loop


async def test_first_the_current_layout_then_each_change(house: House) -> None:
    await house.write(state_after_views(["sneakers-0001"], offset=0))
    async with open_page(house) as page:
        first = (await page.next()).layout()
        version = await house.write(state_after_views(["bags-0001", "bags-0002"], offset=1))
        second = (await page.next()).layout()
        assert second.version == version
        assert second.layout_id != first.layout_id
        assert await page.hears_nothing()
    assert house.metric('etalage_pushes_total{page="home"}') == 2
    assert house.metric("etalage_connections_open") == 0


async def test_who_comes_back_with_the_current_id_is_not_told_again(house: House) -> None:
    await house.write(state_after_views(["sneakers-0001"]))
    async with open_page(house) as page:
        current = (await page.next()).id
    async with open_page(house, last=current) as page:
        assert await page.hears_nothing()
        await house.write(state_after_views(["bags-0001"], offset=1))
        assert (await page.next()).id != current
    async with open_page(house, last="another") as page:
        assert (await page.next()).event == "layout"


async def test_a_page_that_is_not_live_is_decided_again_twice_a_second(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    current, decided_at = house.gateway.fallbacks.current, []

    async def note_time(*arguments: Any) -> bytes:
        decided_at.append(virtual_loop().time())
        return await current(*arguments)

    async with open_page(house, "cart", hydrate=1) as page:
        first = (await page.next()).layout()
        assert first.slots[0].module.items[0].card is not None
        assert await page.hears_nothing(REDECIDE_EVERY_S)
        monkeypatch.setattr(house.gateway.fallbacks, "current", note_time)
        for offset in range(41):
            item = "bags-0001" if offset % 2 else "sneakers-0001"
            await house.write(state_after_views([item], offset=offset))
            await asyncio.sleep(REDECIDE_EVERY_S / 10)
        pauses = [later - earlier for earlier, later in pairwise(decided_at)]
        assert pauses == pytest.approx([REDECIDE_EVERY_S] * 4)


async def test_the_journey_of_a_click(house: House) -> None:
    async with open_page(house, journey=1) as page:
        await page.next()
        house.gateway.event_timings.record(ANN, 0, 100.0, 100.5)
        version = await house.write(state_after_views(["sneakers-0001"], offset=0))
        pushed = [await page.next(), await page.next()]
        trace = msgspec.json.decode(pushed[1].data)
        assert [sent.event for sent in pushed] == ["layout", "journey"]
        assert (trace["version"], trace["received"], trace["accepted"]) == (version, 100_000, 100_500)
        assert trace["noticed"] <= trace["pushed"]


async def test_a_missed_notice_is_made_good_after_a_reconnect(house: House) -> None:
    await house.write(state_after_views(["sneakers-0001"]))
    async with open_page(house) as page:
        first = (await page.next()).layout()
        assert await page.hears_nothing(0.05)
        notices = house.store._listeners[0]
        notices._followed.clear()
        await house.write(state_after_views(["bags-0001"], offset=1))
        assert await page.hears_nothing(0.05)
        await notices.follow(house.partition())
        assert (await page.next()).layout().layout_id != first.layout_id


async def test_the_end_of_the_process_ends_the_stream(house: House) -> None:
    async with open_page(house) as page:
        await page.next()
        await house.gateway.hub.stop()


async def test_one_stream_more_than_allowed_is_refused_until_another_ends() -> None:
    async with open_gateway(streams_max=2) as (house, client):
        async with open_page(house) as first, open_page(house) as second:
            await asyncio.gather(first.next(), second.next())
            refused = await client.get("/v1/layouts/home/stream", params={"visitor": ANN})
            assert refused.status_code == 503
            assert refused.headers["content-type"] == PROBLEM_TYPE
            assert refused.headers["retry-after"] == "5"
            assert "ETALAGE_STREAMS_MAX" in refused.json()["detail"]
            assert (await client.get("/v1/layouts/home", params={"visitor": ANN})).status_code == 200
            assert house.metric("etalage_connections_open") == 2
        async with open_page(house) as page:
            assert (await page.next()).event == "layout"


async def test_streams_opened_at_once_read_a_few_at_a_time(house: House, monkeypatch: Any) -> None:
    current, now, most = house.gateway.fallbacks.current, 0, 0

    async def count_readers(*arguments: Any) -> bytes:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        try:
            return await current(*arguments)
        finally:
            now -= 1

    monkeypatch.setattr(house.gateway.fallbacks, "current", count_readers)
    async with AsyncExitStack() as pages:
        opening = [await pages.enter_async_context(open_page(house)) for _ in range(3 * READ_AT_ONCE)]
        await asyncio.gather(*(page.next() for page in opening))
    assert most == READ_AT_ONCE


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_page_opened_without_the_store_shows_what_is_popular(
    house: House, monkeypatch: pytest.MonkeyPatch, *, hangs: bool
) -> None:
    await house.write(SHOES)
    break_store(house, monkeypatch, hangs=hangs)
    async with open_page(house) as page:
        popular = (await page.next()).layout()
        assert labels(popular) == ("popular", "redis_timeout" if hangs else "redis_down")
    async with open_page(house, last="the layout of before") as page:
        assert await page.hears_nothing(1.0), "a client that has a layout keeps it"


async def test_a_page_for_which_deciding_fails_shows_what_is_popular(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(on_demand, "decide", fail)
    async with open_page(house, "cart") as page:
        assert labels((await page.next()).layout()) == ("popular", "model_failed")


async def test_an_open_page_follows_the_shop(house: House) -> None:
    await house.write(SHOES)
    async with open_page(house) as page:
        first = (await page.next()).layout()
        house.follower.shop = push_rules(house.follower.shop, NO_SNEAKERS, PIN)
        second = (await page.next()).layout()
        assert item_ids(second)[0] == PINNED
        assert second.layout_id != first.layout_id
        assert second.version == first.version
        house.follower.shop = push_items(house.follower.shop, lambda item: item)
        house.follower.shop = push_rules(house.follower.shop, NO_SNEAKERS)
        assert PINNED not in item_ids((await page.next()).layout())[:1]


async def test_an_ending_process_tells_its_streams_when_to_come_back(house: House) -> None:
    async with open_page(house) as page:
        assert (await page.next()).retry == str(RETRY_MS)
        house.gateway.begin_end()
        assert COME_BACK_MS[0] <= int((await page.next()).retry) <= COME_BACK_MS[1]
    async with open_page(house) as late:
        await late.next()
        assert COME_BACK_MS[0] <= int((await late.next()).retry) <= COME_BACK_MS[1]
    assert house.metric("etalage_connections_open") == 0
    assert not house.gateway.health.readiness().ready


@pytest.mark.parametrize("first", [True, False])
async def test_a_page_left_out_in_an_overload_is_looked_at_again(
    house: House, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """Else it would keep what was withdrawn until its visitor's next event."""
    monkeypatch.setattr(stream, "LOOK_AGAIN_S", (0.01, 0.02))
    fallbacks, refused = house.gateway.fallbacks, 0
    take_turn = fallbacks._take_turn_and_decide

    async def refuse_once(*arguments: Any, **more: Any) -> bytes:
        nonlocal refused
        if refused == 0:
            refused += 1
            raise on_demand.DecisionFailed("overload")
        return await take_turn(*arguments, **more)

    await house.write(state_after_views(["sneakers-0001"], offset=0))
    for task in house.gateway._tasks:  # nothing else wakes the page
        task.cancel()
    if first:
        monkeypatch.setattr(fallbacks, "_take_turn_and_decide", refuse_once)
    async with open_page(house, page="cart") as page:
        shown = (await page.next()).layout()
        assert (shown.reason == "overload") == first
        if not first:
            monkeypatch.setattr(fallbacks, "_take_turn_and_decide", refuse_once)
            house.follower.shop = push_rules(house.follower.shop, PIN)
            await house.gateway.hub.reread_all()
        decided = (await page.next()).layout()
        assert decided.reason != "overload"
        assert decided.layout_id != shown.layout_id
    assert refused == 1
