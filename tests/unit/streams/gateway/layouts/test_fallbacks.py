"""Which answer is given when something is missing: always valid, always labelled, never late."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from models.layout.rendering.fields import with_behind
from models.policy.fallback import static_layout
from schemas.layouts import Layout
from schemas.storefront import SUBJECTS
from streams.gateway.http.parameters import PAGES
from streams.gateway.layouts import on_demand
from streams.gateway.layouts.fallbacks import MARGIN_S
from tests.unit.streams.gateway.house import ANN, House, open_gateway, without_items
from tests.unit.streams.gateway.layout_requests import SHOES, break_store, get_layout, labels
from tests.unit.streams.gateway.virtual_time import virtual_loop

KNOWN = {"item": "sneakers-0001", "category": "sneakers", "q": "shoe"}
"""A subject of each name that the shop has."""


@pytest.mark.parametrize("page", sorted(PAGES))
async def test_a_stranger_gets_a_full_page(client: httpx.AsyncClient, page: str) -> None:
    layout = await get_layout(client, page, **KNOWN)
    assert labels(layout) == ("popular", "cold_start")
    assert layout.page == page
    assert sum(len(slot.module.items) for slot in layout.slots) > 10


@pytest.mark.parametrize(
    ("page", "parameter", "known"),
    [(page, parameter, KNOWN[parameter]) for page, parameter in SUBJECTS.items()],
)
@pytest.mark.parametrize("agent", ["shop/1", "somebot/1"])
async def test_what_a_page_should_be_about_and_is_not_is_told(
    house: House, client: httpx.AsyncClient, page: str, parameter: str, known: str, agent: str
) -> None:
    await house.write(SHOES)
    client.headers["user-agent"] = agent
    for given, unknown in (({parameter: known}, []), ({parameter: "nope"}, [parameter]), ({}, [parameter])):
        for explain in (0, 1):
            layout = await get_layout(client, page, **given, explain=explain)
            assert (layout.unknown, bool(layout.slots)) == (unknown, True)
    assert (await get_layout(client, "home", **{parameter: "nope"})).unknown == []


async def test_an_empty_shop_does_not_say_what_is_unknown() -> None:
    async with open_gateway(without_items()) as (_, client):
        assert (await get_layout(client, "product", item="sneakers-0001")).unknown == []


async def test_the_stored_layout_is_the_answer(house: House, client: httpx.AsyncClient) -> None:
    version = await house.write(SHOES)
    layout = await get_layout(client)
    assert layout.version == version
    stored = await house.store.layout(house.partition(), ANN)
    assert stored is not None
    answer = await client.get("/v1/layouts/home", params={"visitor": ANN})
    assert answer.content == with_behind(stored[0] + stored[1], 0.0)


async def test_what_is_not_stored_is_decided_from_the_state(house: House, client: httpx.AsyncClient) -> None:
    version = await house.write(SHOES, layout=False)
    for page in ("home", "cart"):
        layout = await get_layout(client, page)
        assert layout.version == version
        assert layout.reason not in ("cold_start", "redis_down")


async def test_deciding_again_gives_the_same_id(house: House, client: httpx.AsyncClient) -> None:
    await house.write(SHOES, layout=False)
    for page in ("home", "cart"):
        first = await get_layout(client, page)
        house.follower.shop = replace(house.follower.shop, generation=house.follower.shop.generation + 1)
        second = await get_layout(client, page)
        assert second.layout_id == first.layout_id
        assert second.model.generation == first.model.generation + 1


async def test_cards_and_reasons_on_request(house: House, client: httpx.AsyncClient) -> None:
    await house.write(SHOES)
    plain, rich = await get_layout(client), await get_layout(client, hydrate=1, explain=1)
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
    started = virtual_loop().time()
    layout = await get_layout(client, page, deadline_ms=40)
    took = virtual_loop().time() - started
    assert took == pytest.approx(0.040 - MARGIN_S if hangs else 0)
    assert labels(layout) == ("popular", reason)


async def test_the_last_layout_shown_is_better_than_a_popular_one(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.write(SHOES)
    shown = await get_layout(client)
    break_store(house, monkeypatch, hangs=False)
    layout = await get_layout(client)
    assert labels(layout) == ("stale", "redis_down")
    assert layout.layout_id == shown.layout_id


async def test_without_a_shop_the_packaged_page() -> None:
    async with open_gateway(without_items()) as (_, client):
        layout = await get_layout(client)
        assert layout.mode == "static"
        assert layout.slots


async def test_a_decision_that_fails_says_so(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(on_demand, "decide", broken)
    assert labels(await get_layout(client)) == ("popular", "model_failed")
    monkeypatch.setattr("streams.gateway.layouts.popular_cache.popular_layout", broken)
    layout = await get_layout(client, "cart")
    assert layout.mode == "static"
    assert layout.slots == static_layout("cart", ANN, "model_failed").slots


async def test_no_time_is_left_to_decide(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_slowly(*_: object) -> None:
        virtual_loop().advance(0.03)  # something else holds up the loop

    monkeypatch.setattr(house.store, "state", read_slowly)
    monkeypatch.setattr("streams.gateway.layouts.route.perf_counter", virtual_loop().time)
    assert labels(await get_layout(client, "cart", deadline_ms=10)) == ("popular", "budget")
    assert house.metric("etalage_layout_late_total") == 1


async def test_answers_are_counted_and_exposed(house: House, client: httpx.AsyncClient) -> None:
    await get_layout(client)
    line = 'etalage_layout_responses_total{mode="popular",page="home",reason="cold_start"}'
    assert house.metric(line) == 1
    assert len(house.gateway.exposures.outbox) == 1
    await house.gateway.exposures.outbox.stop()
    ((key, value),) = house.log.written["unit.exposures.v1"]
    assert key == ANN.encode()
    assert value is not None
    assert msgspec.json.decode(value)["via"] == "get"


@pytest.mark.parametrize("state", [b"garbage", b"\x01", b"\x01" * 300, b"\x02" * 100])
async def test_a_state_that_cannot_be_read_is_answered_and_counted(
    house: House, client: httpx.AsyncClient, state: bytes
) -> None:
    await house.write(SHOES)
    served = await get_layout(client)
    house.store.contents.states[house.partition(), ANN] = state
    assert labels(await get_layout(client)) == labels(served), "its layout is still true"
    house.store.contents.layouts.clear()
    assert labels(await get_layout(client, "cart")) == ("popular", "redis_down")
    assert labels(await get_layout(client)) == ("popular", "redis_down")
    assert 'store_errors_total{kind="unreadable"} 2' in house.gateway.metrics.render().decode()


@pytest.mark.parametrize(
    "layout", [(b"garbage", b"garbage"), (b"", b""), (b'"version":"', b"\xff"), (b'{"edition":"1.1"', b"x")]
)
@pytest.mark.parametrize("explain", [0, 1])
async def test_a_layout_that_cannot_be_read_is_decided_anew(
    house: House, client: httpx.AsyncClient, layout: tuple[bytes, bytes], explain: int
) -> None:
    await house.write(SHOES)
    served = await get_layout(client, explain=explain)
    house.store.contents.layouts[house.partition(), ANN] = layout
    again = await get_layout(client, explain=explain)
    assert (labels(again), again.version) == (labels(served), served.version)
