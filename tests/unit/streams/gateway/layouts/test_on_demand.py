"""Merchandisers push while a visitor rests: a stored layout is shown only as long as it is valid."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from models.layout.rendering.fields import with_behind
from schemas.catalog import Item
from schemas.layouts import Layout
from schemas.storefront import Match, RuleDef
from tests.unit.models.layout.shop_changes import push_items, push_rules
from tests.unit.streams.gateway.house import ANN, AT, House, small_shop
from tests.unit.streams.gateway.layout_requests import (
    NO_SNEAKERS,
    PIN,
    PINNED,
    SHOES,
    break_store,
    get_layout,
    item_ids,
)


@pytest.mark.parametrize("with_token", [False, True])
async def test_rules_reach_who_does_nothing(
    house: House, client: httpx.AsyncClient, *, with_token: bool
) -> None:
    token = await house.write(SHOES)
    asked = {"after": token} if with_token else {}
    before = await get_layout(client, **asked)
    assert any(item.startswith("sneakers-") for item in item_ids(before))
    house.follower.shop = push_rules(house.follower.shop, NO_SNEAKERS, PIN)
    after = await get_layout(client, **asked)
    assert item_ids(after)[0] == PINNED
    assert not any(item.startswith("sneakers-") for item in item_ids(after))
    assert (after.version, after.mode, after.reason) == (token, before.mode, before.reason)
    assert after.edition == house.follower.shop.edition.text()


async def test_what_is_gone_or_sold_out_is_not_shown(house: House, client: httpx.AsyncClient) -> None:
    await house.write(SHOES)
    gone, sold_out, *_ = item_ids(await get_layout(client))

    def change(item: Item) -> Item | None:
        if item.item_id == gone:
            return None
        return msgspec.structs.replace(item, stock=0) if item.item_id == sold_out else item

    house.follower.shop = push_items(house.follower.shop, change)
    layout = await get_layout(client, hydrate=1)
    assert not {gone, sold_out} & set(item_ids(layout))
    assert all(item.card for slot in layout.slots for item in slot.module.items)


async def test_a_catalogue_that_moved_elsewhere_leaves_what_is_stored(
    house: House, client: httpx.AsyncClient
) -> None:
    await house.write(SHOES)
    seen = set(item_ids(await get_layout(client)))

    def change(item: Item) -> Item | None:
        return item if item.item_id in seen else msgspec.structs.replace(item, stock=0)

    house.follower.shop = push_items(house.follower.shop, change)
    stored = await house.store.layout(house.partition(), ANN)
    assert stored is not None
    answer = await client.get("/v1/layouts/home", params={"visitor": ANN})
    assert answer.content == with_behind(stored[0] + stored[1], 0.0)


@pytest.mark.parametrize("bound", ["starts_at", "ends_at"])
async def test_a_campaign_begins_and_ends_for_who_does_nothing(
    house: House, client: httpx.AsyncClient, bound: str
) -> None:
    moment: dict[str, Any] = {bound: AT + timedelta(seconds=60)}  # after the last event, before this request
    items = house.follower.shop.items
    in_stock = items.by_popularity[items.stock[items.by_popularity] > 0]
    last = items.ids[in_stock[-1]]  # no source proposes it: only the pin can show it
    campaign = RuleDef(id="campaign", action="pin", match=Match(items=[last]), **moment)
    house.follower.shop = push_rules(house.follower.shop, campaign)
    await house.write(SHOES)
    stored = await house.store.layout(house.partition(), ANN)
    assert stored is not None
    was = item_ids(msgspec.json.decode(stored[0] + stored[1], type=Layout))
    assert (was[0] == last) == (bound == "ends_at")
    assert (item_ids(await get_layout(client))[0] == last) == (bound == "starts_at")


async def test_what_a_gateway_kept_is_not_shown_either(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.write(SHOES)
    await get_layout(client)
    house.follower.shop = push_rules(house.follower.shop, NO_SNEAKERS)
    break_store(house, monkeypatch, hangs=False)
    layout = await get_layout(client)
    assert (layout.mode, layout.reason) == ("popular", "redis_down")
    assert not any(item.startswith("sneakers-") for item in item_ids(layout))


async def test_a_worker_that_read_further_is_believed(house: House, client: httpx.AsyncClient) -> None:
    behind = house.follower.shop
    house.follower.shop = push_rules(behind, PIN)
    await house.write(SHOES)
    house.follower.shop = behind
    assert item_ids(await get_layout(client))[0] == PINNED


@pytest.mark.parametrize("edition", [b"", b',"edition":"later"'])
async def test_an_edition_that_cannot_be_read_is_none(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, edition: bytes
) -> None:
    await house.write(SHOES)
    stored = await house.store.layout(house.partition(), ANN)
    assert stored is not None
    head = stored[0].partition(b',"edition"')[0] + edition

    async def layout(*_: object) -> tuple[bytes, bytes]:
        return head, stored[1]

    monkeypatch.setattr(house.store, "layout", layout)
    assert (await get_layout(client)).edition == small_shop().edition.text()
