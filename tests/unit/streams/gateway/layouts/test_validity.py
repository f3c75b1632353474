"""The shop moves on while a visitor rests: what is stored may be shown only as long as it is still true."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from models.catalog.build import build_items
from models.storefront.edition import Edition
from models.storefront.shop import Shop, with_items, with_storefront
from schemas.catalog import Item
from schemas.layouts import Layout
from schemas.storefront import Match, RuleDef, Storefront
from tests.unit.streams.gateway.house import ANN, AT, House, looked_at, small_shop
from tests.unit.streams.gateway.layouts.test_fallbacks import break_store, layout_of
from tests.unit.streams.gateway.layouts.test_stream import layout_of as pushed
from tests.unit.streams.gateway.layouts.test_stream import opened_page

SHOES = looked_at(["sneakers-0001", "sneakers-0002", "sneakers-0003"])
PINNED = "mugs-0001"
NOW = AT.timestamp()


def ruled(shop: Shop, *rules: RuleDef) -> Shop:
    """The shop after a push of these rules."""
    edition = Edition(shop.edition.storefront + 1, shop.edition.catalogue)
    return with_storefront(shop, Storefront(rules=list(rules)), generation=2, built_at=NOW, edition=edition)


def restocked(shop: Shop, change: Callable[[Item], Item | None]) -> Shop:
    """The shop after a catalogue push; None takes an item away."""
    items = [new for item in shop.items.items if (new := change(item)) is not None]
    edition = Edition(shop.edition.storefront, shop.edition.catalogue + 1)
    return with_items(shop, build_items(items, {}, NOW), generation=2, built_at=NOW, edition=edition)


NO_SNEAKERS = RuleDef(id="no-sneakers", action="exclude", match=Match(categories=["sneakers"]))
PIN = RuleDef(id="pin", action="pin", match=Match(items=[PINNED]))


def shown(layout: Layout) -> list[str]:
    return [item.id for slot in layout.slots for item in slot.module.items]


@pytest.mark.parametrize("with_token", [False, True])
async def test_rules_reach_who_does_nothing(
    house: House, client: httpx.AsyncClient, *, with_token: bool
) -> None:
    token = await house.write(SHOES)
    asked = {"after": token} if with_token else {}
    before = await layout_of(client, **asked)
    assert any(item.startswith("sneakers-") for item in shown(before))
    house.follower.shop = ruled(house.follower.shop, NO_SNEAKERS, PIN)
    after = await layout_of(client, **asked)
    assert shown(after)[0] == PINNED
    assert not any(item.startswith("sneakers-") for item in shown(after))
    assert (after.version, after.mode, after.reason) == (token, before.mode, before.reason)
    assert after.edition == house.follower.shop.edition.text()


async def test_what_is_gone_or_sold_out_is_not_shown(house: House, client: httpx.AsyncClient) -> None:
    await house.write(SHOES)
    gone, sold_out, *_ = shown(await layout_of(client))

    def change(item: Item) -> Item | None:
        if item.item_id == gone:
            return None
        return msgspec.structs.replace(item, stock=0) if item.item_id == sold_out else item

    house.follower.shop = restocked(house.follower.shop, change)
    layout = await layout_of(client, hydrate=1)
    assert not {gone, sold_out} & set(shown(layout))
    assert all(item.card for slot in layout.slots for item in slot.module.items)


async def test_a_catalogue_that_moved_elsewhere_leaves_what_is_stored(
    house: House, client: httpx.AsyncClient
) -> None:
    await house.write(SHOES)
    seen = set(shown(await layout_of(client)))

    def change(item: Item) -> Item | None:
        return item if item.item_id in seen else msgspec.structs.replace(item, stock=0)

    house.follower.shop = restocked(house.follower.shop, change)
    stored = await house.store.layout(house.partition(), ANN)
    assert stored is not None
    answer = await client.get("/v1/layouts/home", params={"visitor": ANN})
    assert answer.content == stored[0] + stored[1]


@pytest.mark.parametrize("bound", ["starts_at", "ends_at"])
async def test_a_campaign_begins_and_ends_for_who_does_nothing(
    house: House, client: httpx.AsyncClient, bound: str
) -> None:
    moment: dict[str, Any] = {bound: AT + timedelta(seconds=60)}  # after the last event, before this request
    campaign = RuleDef(id="campaign", action="pin", match=Match(items=[PINNED]), **moment)
    house.follower.shop = ruled(house.follower.shop, campaign)
    await house.write(SHOES)
    stored = await house.store.layout(house.partition(), ANN)
    assert stored is not None
    was = shown(msgspec.json.decode(stored[0] + stored[1], type=Layout))
    assert (was[0] == PINNED) == (bound == "ends_at")
    assert (shown(await layout_of(client))[0] == PINNED) == (bound == "starts_at")


async def test_what_a_gateway_kept_is_not_shown_either(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.write(SHOES)
    await layout_of(client)
    house.follower.shop = ruled(house.follower.shop, NO_SNEAKERS)
    break_store(house, monkeypatch, hangs=False)
    layout = await layout_of(client)
    assert (layout.mode, layout.reason) == ("popular", "redis_down")
    assert not any(item.startswith("sneakers-") for item in shown(layout))


async def test_a_worker_that_read_further_is_believed(house: House, client: httpx.AsyncClient) -> None:
    behind = house.follower.shop
    house.follower.shop = ruled(behind, PIN)
    await house.write(SHOES)
    house.follower.shop = behind
    assert shown(await layout_of(client))[0] == PINNED


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
    assert (await layout_of(client)).edition == small_shop().edition.text()


async def test_an_open_page_follows_the_shop(house: House) -> None:
    await house.write(SHOES)
    async with opened_page(house) as page:
        first = pushed(await page.next())
        house.follower.shop = ruled(house.follower.shop, NO_SNEAKERS, PIN)
        second = pushed(await page.next())
        assert shown(second)[0] == PINNED
        assert second.layout_id != first.layout_id
        assert second.version == first.version
        house.follower.shop = restocked(house.follower.shop, lambda item: item)
        house.follower.shop = ruled(house.follower.shop, NO_SNEAKERS)
        assert PINNED not in shown(pushed(await page.next()))[:1]


async def test_open_pages_look_again_a_few_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.gateway.layouts.hub.REREAD_AT_ONCE", 2)
    with house.gateway.hub.mailbox(0, ANN) as one, house.gateway.hub.mailbox(0, ANN) as other:
        await one.take()
        await other.take()
        await house.gateway.hub.reread_all()
        assert (await one.take()).reread
        assert (await other.take()).reread
