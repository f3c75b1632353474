"""Which answer is given when something is missing: always valid, always labelled, never late."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from models.policy.fallback import static_layout
from schemas.errors import StoreUnavailable
from schemas.ids import Version, VisitorId
from schemas.layouts import Layout
from streams.gateway.http.parameters import PAGES
from streams.gateway.layouts import on_demand
from tests.unit.streams.gateway.house import ANN, META, House, looked_at, opened, without_items

SHOES = looked_at(["sneakers-0001", "sneakers-0002", "sneakers-0003"])


async def layout_of(client: httpx.AsyncClient, page: str = "home", **parameters: Any) -> Layout:
    answer = await client.get(f"/v1/layouts/{page}", params={"visitor": ANN, **parameters})
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=Layout)


def labels(layout: Layout) -> tuple[str, str]:
    return layout.mode, layout.reason


@pytest.mark.parametrize("page", sorted(PAGES))
async def test_a_stranger_gets_a_full_page(client: httpx.AsyncClient, page: str) -> None:
    layout = await layout_of(client, page, item="sneakers-0001", category="sneakers", q="shoe")
    assert labels(layout) == ("popular", "cold_start")
    assert layout.page == page
    assert sum(len(slot.module.items) for slot in layout.slots) > 10


@pytest.mark.parametrize(
    ("page", "parameter", "known"),
    [("product", "item", "sneakers-0001"), ("category", "category", "sneakers"), ("search", "q", "shoe")],
)
@pytest.mark.parametrize("agent", ["shop/1", "somebot/1"])
async def test_what_a_page_should_be_about_and_is_not_is_told(
    house: House, client: httpx.AsyncClient, page: str, parameter: str, known: str, agent: str
) -> None:
    await house.write(SHOES)
    client.headers["user-agent"] = agent
    for given, unknown in (({parameter: known}, []), ({parameter: "nope"}, [parameter]), ({}, [parameter])):
        for explain in (0, 1):
            layout = await layout_of(client, page, **given, explain=explain)
            assert (layout.unknown, bool(layout.slots)) == (unknown, True)
    assert (await layout_of(client, "home", **{parameter: "nope"})).unknown == []


async def test_an_empty_shop_does_not_say_what_is_unknown() -> None:
    async with opened(without_items()) as (_, client):
        assert (await layout_of(client, "product", item="sneakers-0001")).unknown == []


async def test_the_stored_layout_is_the_answer(house: House, client: httpx.AsyncClient) -> None:
    version = await house.write(SHOES)
    layout = await layout_of(client)
    assert layout.version == version
    stored = await house.store.layout(house.partition(), ANN)
    assert stored is not None
    answer = await client.get("/v1/layouts/home", params={"visitor": ANN})
    assert answer.content == stored[0] + stored[1]


async def test_what_is_not_stored_is_decided_from_the_state(house: House, client: httpx.AsyncClient) -> None:
    version = await house.write(SHOES, layout=False)
    for page in ("home", "cart"):
        layout = await layout_of(client, page)
        assert layout.version == version
        assert layout.reason not in ("cold_start", "redis_down")


async def test_deciding_again_gives_the_same_id(house: House, client: httpx.AsyncClient) -> None:
    await house.write(SHOES, layout=False)
    for page in ("home", "cart"):
        first = await layout_of(client, page)
        house.follower.shop = replace(house.follower.shop, generation=house.follower.shop.generation + 1)
        second = await layout_of(client, page)
        assert second.layout_id == first.layout_id
        assert second.model.generation == first.model.generation + 1


async def test_cards_and_reasons_on_request(house: House, client: httpx.AsyncClient) -> None:
    await house.write(SHOES)
    plain, rich = await layout_of(client), await layout_of(client, hydrate=1, explain=1)
    items = [item for slot in rich.slots for item in slot.module.items]
    assert all(item.card is not None for item in items)
    assert all(item.why is not None for item in items)
    assert rich.layout_id == plain.layout_id


async def test_a_bot_gets_what_is_popular(house: House, client: httpx.AsyncClient) -> None:
    await house.write(SHOES)
    answer = await client.get(
        "/v1/layouts/home",
        params={"visitor": ANN},
        headers={"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
    )
    layout = msgspec.json.decode(answer.content, type=Layout)
    assert labels(layout) == ("popular", "bot")
    assert layout.visitor_id == ANN


async def test_popular_layouts_are_each_visitors_own(client: httpx.AsyncClient) -> None:
    bot = {"user-agent": "somebot/1"}
    one, two = [
        msgspec.json.decode(
            (await client.get("/v1/layouts/home", params={"visitor": v}, headers=bot)).content, type=Layout
        )
        for v in ("a:1", "a:2")
    ]
    assert one.visitor_id == "a:1"
    assert one.layout_id != two.layout_id
    for layout in (one, two):
        for slot in layout.slots:
            assert slot.module.decision_id == f"{layout.layout_id}/{slot.slot}"


class Broken:
    """Stands in for a method of the store."""

    def __init__(self, *, hangs: bool) -> None:
        self._hangs = hangs

    async def __call__(self, *_: object) -> Any:
        if self._hangs:
            await asyncio.Event().wait()
        raise StoreUnavailable("gone")


def break_store(house: House, monkeypatch: pytest.MonkeyPatch, *, hangs: bool) -> None:
    for name in ("layout", "state", "state_layout_done"):
        monkeypatch.setattr(house.store, name, Broken(hangs=hangs))


@pytest.mark.parametrize(("hangs", "reason"), [(False, "redis_down"), (True, "redis_timeout")])
@pytest.mark.parametrize("page", ["home", "category"])
async def test_without_redis(
    house: House,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    *,
    hangs: bool,
    reason: str,
    page: str,
) -> None:
    break_store(house, monkeypatch, hangs=hangs)
    started = time.monotonic()
    layout = await layout_of(client, page, deadline_ms=40)
    assert time.monotonic() - started < 0.2
    assert labels(layout) == ("popular", reason)


async def test_the_last_layout_shown_is_better_than_a_popular_one(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.write(SHOES)
    shown = await layout_of(client)
    break_store(house, monkeypatch, hangs=False)
    layout = await layout_of(client)
    assert labels(layout) == ("stale", "redis_down")
    assert layout.layout_id == shown.layout_id


async def test_without_a_shop_the_packaged_page() -> None:
    async with opened(without_items()) as (_, client):
        layout = await layout_of(client)
        assert layout.mode == "static"
        assert layout.slots


async def test_a_decision_that_fails_says_so(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(on_demand, "decide", broken)
    assert labels(await layout_of(client)) == ("popular", "model_failed")
    monkeypatch.setattr("streams.gateway.layouts.popular_cache.popular_layout", broken)
    layout = await layout_of(client, "cart")
    assert layout.mode == "static"
    assert layout.slots == static_layout("cart", ANN, "model_failed").slots


async def test_no_time_is_left_to_decide(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*_: object) -> None:
        time.sleep(0.03)  # noqa: ASYNC251 - a loop held up by something else

    monkeypatch.setattr(house.store, "state", slow)
    assert labels(await layout_of(client, "cart", deadline_ms=10)) == ("popular", "budget")
    assert house.metric("etalage_layout_late_total") == 1


async def test_a_token_already_reached(house: House, client: httpx.AsyncClient) -> None:
    token = await house.write(looked_at(["sneakers-0001"], offset=5))
    earlier = Version(META.incarnation, house.partition(), 3).text()
    for after in (token, earlier):
        layout = await layout_of(client, after=after)
        assert layout.version == token
        assert layout.mode != "stale"


async def test_a_token_is_waited_for(house: House, client: httpx.AsyncClient) -> None:
    await house.write(looked_at(["sneakers-0001"], offset=5))
    token = Version(META.incarnation, house.partition(), 6).text()
    asking = asyncio.create_task(layout_of(client, after=token, deadline_ms=1000))
    await asyncio.sleep(0.05)
    assert not asking.done()
    started = time.monotonic()
    await house.write(looked_at(["bags-0001", "sneakers-0001"], offset=6))
    layout = await asking
    assert time.monotonic() - started < 0.1
    assert layout.version == token
    assert layout.mode != "stale"


async def test_a_buried_event_is_passed_by_its_partition(house: House, client: httpx.AsyncClient) -> None:
    await house.write(looked_at(["sneakers-0001"], offset=5), done=9)
    token = Version(META.incarnation, house.partition(), 8).text()
    assert (await layout_of(client, after=token)).mode != "stale"


async def test_a_token_that_does_not_come_true_in_time_is_stale(
    house: House, client: httpx.AsyncClient
) -> None:
    await house.write(looked_at(["sneakers-0001"], offset=5))
    for token in (
        Version(META.incarnation, house.partition(), 6),
        Version(META.incarnation + 1, house.partition(), 2),
    ):
        started = time.monotonic()
        layout = await layout_of(client, after=token.text(), deadline_ms=60)
        assert 0.04 < time.monotonic() - started < 0.15
        assert labels(layout) == ("stale", "stream_stale")
    stranger = await layout_of(client, "cart", after=token.text(), deadline_ms=20)
    assert labels(stranger) == ("stale", "stream_stale")


async def test_a_token_without_redis_is_stale(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = Version(META.incarnation, house.partition(), 6).text()
    break_store(house, monkeypatch, hangs=False)
    assert labels(await layout_of(client, after=token)) == ("stale", "redis_down")


async def test_a_token_of_another_visitor_is_reached_when_its_partition_has_passed_it(
    house: House, client: httpx.AsyncClient
) -> None:
    others = (VisitorId(f"a:{n}") for n in range(99))
    bob = next(other for other in others if house.partition(other) != house.partition())
    token = await house.write(looked_at(["bags-0001"], offset=3), bob)
    assert (await layout_of(client, after=token)).mode == "popular"
    ahead = Version(META.incarnation, house.partition(bob), 4).text()
    nowhere = Version(META.incarnation, 99, 0).text()
    for after in (ahead, nowhere):
        assert labels(await layout_of(client, after=after, deadline_ms=20)) == ("stale", "stream_stale")


async def test_answers_are_counted_and_exposed(house: House, client: httpx.AsyncClient) -> None:
    await layout_of(client)
    line = 'etalage_layout_responses_total{mode="popular",page="home",reason="cold_start"}'
    assert house.metric(line) == 1
    assert len(house.gateway.exposures.outbox) == 1
    await house.gateway.exposures.outbox.stop()
    ((key, value),) = house.log.written["unit.exposures.v1"]
    assert key == ANN.encode()
    assert value is not None
    assert msgspec.json.decode(value)["via"] == "get"
