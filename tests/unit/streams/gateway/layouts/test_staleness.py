"""Whoever cannot be shown what just happened is told so: without a token, as a stranger, on an open page."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from schemas.ids import Version, VisitorId
from streams.gateway.events.stream_progress import POLL_EVERY_S
from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import ANN, META, House, state_after_views
from tests.unit.streams.gateway.layout_requests import SHOES, get_layout, labels

STALE = ("stale", "stream_stale")
NEW = VisitorId("a:new")


async def fall_behind(house: House, behind_s: float | None) -> None:
    """The workers are so far behind, and the gateway has noticed."""
    house.store.behind_s = behind_s
    await asyncio.sleep(2 * POLL_EVERY_S)


@pytest.mark.parametrize("behind_s", [8.0, None])
@pytest.mark.parametrize("page", ["home", "cart"])
@pytest.mark.parametrize("visitor", [ANN, NEW])
async def test_an_answer_says_that_its_partition_is_behind(
    house: House, client: httpx.AsyncClient, behind_s: float | None, page: str, visitor: VisitorId
) -> None:
    await house.write(SHOES)
    fresh = await get_layout(client, page, visitor=visitor)
    assert fresh.mode in ("full", "popular")
    assert fresh.behind_ms is not None
    assert fresh.behind_ms < 1000 * 2 * POLL_EVERY_S
    await fall_behind(house, behind_s)
    for explain in (0, 1):
        layout = await get_layout(client, page, visitor=visitor, explain=explain)
        assert labels(layout) == STALE
        assert layout.version == fresh.version
        if behind_s is None:
            assert layout.behind_ms is None
        else:
            assert layout.behind_ms is not None
            assert layout.behind_ms >= 8000
    await fall_behind(house, 0.0)
    assert labels(await get_layout(client, page, visitor=visitor)) == labels(fresh)


async def test_a_lag_within_the_promise_is_told_and_no_label(house: House, client: httpx.AsyncClient) -> None:
    await house.write(SHOES)
    await fall_behind(house, 1.5)
    layout = await get_layout(client)
    assert layout.mode != "stale"
    assert layout.behind_ms is not None
    assert 1500 <= layout.behind_ms <= 2500


async def test_who_sees_the_event_of_a_token_is_not_told_that_others_are_late(
    house: House, client: httpx.AsyncClient
) -> None:
    token = await house.write(SHOES)
    await fall_behind(house, 8.0)
    assert (await get_layout(client, after=token)).mode != "stale"
    later = Version(META.incarnation, house.partition(), 99).text()
    assert labels(await get_layout(client, after=later, deadline_ms=60)) == STALE


async def test_a_ranking_says_so_too(house: House, client: httpx.AsyncClient) -> None:
    await house.write(SHOES)
    request = {"visitor": ANN, "items": ["sneakers-0001", "mugs-0001"]}
    fresh = (await client.post("/v1/rank", json=request)).json()
    assert fresh["mode"] != "stale"
    assert fresh["behind_ms"] < 1000 * 2 * POLL_EVERY_S
    await fall_behind(house, 8.0)
    stale = (await client.post("/v1/rank", json=request)).json()
    assert (stale["mode"], stale["reason"]) == STALE
    assert stale["behind_ms"] >= 8000
    assert stale["items"] == fresh["items"]


async def test_an_open_page_is_told_when_it_becomes_stale_and_when_it_is_fresh_again(house: House) -> None:
    await house.write(SHOES)
    async with open_page(house) as page:
        first = (await page.next()).layout()
        await fall_behind(house, 8.0)
        stale = (await page.next()).layout()
        assert labels(stale) == STALE
        assert stale.layout_id == first.layout_id
        assert stale.behind_ms is not None
        assert await page.hears_nothing()
        await fall_behind(house, 0.0)
        assert labels((await page.next()).layout()) == labels(first)
        assert await page.hears_nothing()


@pytest.mark.parametrize("page", ["home", "cart"])
async def test_a_store_that_forgot_everything_knows_no_new_visitors(
    house: House, client: httpx.AsyncClient, page: str
) -> None:
    await house.write(SHOES)
    await asyncio.sleep(2 * POLL_EVERY_S)
    before = await get_layout(client, page)
    house.store.flush()  # and no poll has noticed yet
    layout = await get_layout(client, page)
    assert labels(layout) == STALE
    assert layout.version < before.version
    request = {"visitor": ANN, "items": ["mugs-0001"]}
    assert (await client.post("/v1/rank", json=request)).json()["mode"] == "stale"


async def test_a_version_that_went_back_is_labelled_until_the_store_is_where_it_was(
    house: House, client: httpx.AsyncClient
) -> None:
    await house.write(state_after_views(["sneakers-0001"], offset=5))
    early = house.store.snapshot()
    await house.write(state_after_views(["bags-0001", "sneakers-0001"], offset=6))
    late = house.store.snapshot()
    await asyncio.sleep(2 * POLL_EVERY_S)
    assert (await get_layout(client)).mode != "stale"
    house.store.restore(early)
    assert labels(await get_layout(client)) == STALE, "it was served a later one"
    await asyncio.sleep(2 * POLL_EVERY_S)
    assert labels(await get_layout(client)) == STALE
    house.store.restore(late)
    await asyncio.sleep(2 * POLL_EVERY_S)
    assert (await get_layout(client)).mode != "stale"


async def test_the_last_read_of_a_wait_comes_too_late_and_the_event_is_blamed(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.write(state_after_views(["sneakers-0001"], offset=5))
    read = house.store.state_layout_done

    async def slow(partition: int, visitor: VisitorId) -> object:
        await asyncio.sleep(0.004)  # longer than the margin that is left for the last one
        return await read(partition, visitor)

    monkeypatch.setattr(house.store, "state_layout_done", slow)
    token = Version(META.incarnation, house.partition(), 6).text()
    for _ in range(30):
        assert labels(await get_layout(client, after=token, deadline_ms=30)) == STALE
    assert house.metric('etalage_store_errors_total{kind="timeout"}') == 0
    assert house.gateway.reads.circuit.state == "closed"


async def test_readiness_tells_who_is_behind_and_stays(house: House, client: httpx.AsyncClient) -> None:
    await asyncio.sleep(2 * POLL_EVERY_S)
    assert (await client.get("/readyz")).json() == {"ready": True, "reason": ""}
    await fall_behind(house, 8.0)
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["reason"].startswith("4 partitions are up to ")
