"""Who presents a token gets a layout with its event, or one that says `stale`, in time."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from msgspec.structs import replace

from schemas.ids import Version, VisitorId
from streams.gateway.layouts import read_your_writes
from streams.gateway.layouts.fallbacks import MARGIN_S
from streams.gateway.layouts.read_your_writes import POLL_AFTER_S
from tests.unit.streams.gateway.house import META, House, state_after_views
from tests.unit.streams.gateway.layout_requests import break_store, get_layout, labels
from tests.unit.streams.gateway.virtual_time import virtual_loop


async def test_a_token_already_reached(house: House, client: httpx.AsyncClient) -> None:
    token = await house.write(state_after_views(["sneakers-0001"], offset=5))
    earlier = Version(META.incarnation, house.partition(), 3).text()
    for after in (token, earlier):
        layout = await get_layout(client, after=after)
        assert layout.version == token
        assert layout.mode != "stale"


async def test_a_token_is_waited_for(house: House, client: httpx.AsyncClient) -> None:
    await house.write(state_after_views(["sneakers-0001"], offset=5))
    token = Version(META.incarnation, house.partition(), 6).text()
    asking = asyncio.create_task(get_layout(client, after=token, deadline_ms=1000))
    await asyncio.sleep(2.5 * POLL_AFTER_S)
    assert not asking.done()
    started = virtual_loop().time()
    await house.write(state_after_views(["bags-0001", "sneakers-0001"], offset=6))
    layout = await asking
    assert virtual_loop().time() == started, "the notice wakes it, not the next poll"
    assert layout.version == token
    assert layout.mode != "stale"


async def test_a_buried_event_is_passed_by_its_partition(house: House, client: httpx.AsyncClient) -> None:
    await house.write(state_after_views(["sneakers-0001"], offset=5), done=9)
    token = Version(META.incarnation, house.partition(), 8).text()
    assert (await get_layout(client, after=token)).mode != "stale"


async def test_a_token_that_does_not_come_true_in_time_is_stale(
    house: House, client: httpx.AsyncClient
) -> None:
    await house.write(state_after_views(["sneakers-0001"], offset=5))
    token = Version(META.incarnation, house.partition(), 6)
    started = virtual_loop().time()
    layout = await get_layout(client, after=token.text(), deadline_ms=60)
    assert virtual_loop().time() - started == pytest.approx(0.060 - MARGIN_S)
    assert labels(layout) == ("stale", "stream_stale")
    stranger = await get_layout(client, "cart", after=token.text(), deadline_ms=20)
    assert labels(stranger) == ("stale", "stream_stale")


@pytest.mark.parametrize("offset", [2, 5, 99])
@pytest.mark.parametrize("page", ["home", "cart"])
async def test_a_token_of_another_incarnation_is_unknown_at_once(
    house: House, client: httpx.AsyncClient, offset: int, page: str
) -> None:
    """Though the visitor's state and its partition's `done` are of that one too: nobody adopted them."""
    await house.write(replace(state_after_views(["bags-0001"], offset=5), incarnation=META.incarnation + 1))
    token = Version(META.incarnation + 1, house.partition(), offset)
    started = virtual_loop().time()
    layout = await get_layout(client, page, after=token.text(), deadline_ms=1000)
    assert virtual_loop().time() == started
    assert labels(layout) == ("stale", "token_unknown")


async def test_a_token_without_redis_is_stale(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = Version(META.incarnation, house.partition(), 6).text()
    break_store(house, monkeypatch, hangs=False)
    assert labels(await get_layout(client, after=token)) == ("stale", "redis_down")


async def test_a_token_of_another_visitor_is_reached_when_its_partition_has_passed_it(
    house: House, client: httpx.AsyncClient
) -> None:
    others = (VisitorId(f"a:{n}") for n in range(99))
    bob = next(other for other in others if house.partition(other) != house.partition())
    token = await house.write(state_after_views(["bags-0001"], offset=3), bob)
    assert (await get_layout(client, after=token)).mode == "popular"
    ahead = Version(META.incarnation, house.partition(bob), 4).text()
    nowhere = Version(META.incarnation, 99, 0).text()
    for after in (ahead, nowhere):
        assert labels(await get_layout(client, after=after, deadline_ms=20)) == ("stale", "stream_stale")


async def test_who_waits_the_longest_makes_room_for_one_more(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made-up tokens never come true: they must not keep others from reading their own writes."""
    monkeypatch.setattr(read_your_writes, "WAITING_MAX", 3)
    await house.write(state_after_views(["sneakers-0001"], offset=5))
    never = Version(META.incarnation, house.partition(), 999).text()
    made_up = [asyncio.create_task(get_layout(client, after=never, deadline_ms=1000)) for _ in range(5)]
    await asyncio.sleep(POLL_AFTER_S)
    assert [asking.done() for asking in made_up] == [True] * 2 + [False] * 3
    token = Version(META.incarnation, house.partition(), 6).text()
    own = asyncio.create_task(get_layout(client, after=token, deadline_ms=500))
    await asyncio.sleep(POLL_AFTER_S)
    await house.write(state_after_views(["bags-0001", "sneakers-0001"], offset=6))
    assert (await own).version == token
    assert {labels(layout)[0] for layout in await asyncio.gather(*made_up)} == {"stale"}
