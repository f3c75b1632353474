"""A stored layout may be shown as long as nothing in it was changed by merchandisers since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import pytest

from models.layout.validity import mark_of, still_valid
from models.policy.decide import decide
from models.policy.layout_decision import PageRequest
from models.policy.snapshot import build_snapshot
from models.storefront.shop import Shop, build_shop
from models.visitor.packing import pack
from schemas.catalog import Item
from schemas.ids import Version, VisitorId
from schemas.layouts import Layout
from schemas.storefront import Match, RuleDef
from tests.unit.models import shop_fixture
from tests.unit.models.layout.shop_changes import push_items, push_rules
from tests.unit.models.shop_fixture import AT, a_visitor

RULE = RuleDef(id="no-i001", action="exclude", match=Match(items=["i001"]))


@cache
def shop() -> Shop:
    return build_shop(shop_fixture.shop(), generation=1, built_at=AT)


def decide_home(shop: Shop) -> bytes:
    """The home page of a visitor as a worker stores it."""
    state, version = a_visitor(), Version(1, 0, 9)
    request = PageRequest(visitor=VisitorId("a:ann"), state=pack(state), version=version)
    decision = decide(build_snapshot(shop), [request], AT)[0]
    return decision.head() + decision.body()


def item_ids(layout: bytes) -> list[str]:
    slots = msgspec.json.decode(layout, type=Layout).slots
    return [item.id for slot in slots for item in slot.module.items]


def test_a_layout_of_the_same_shop_is_valid() -> None:
    assert still_valid(shop(), "home", decide_home(shop()), AT + 3600)


def test_a_layout_of_an_earlier_storefront_is_not() -> None:
    assert not still_valid(push_rules(shop(), RULE), "home", decide_home(shop()), AT)


def test_a_layout_of_a_later_storefront_is_valid() -> None:
    """Its worker read further than this process."""
    assert still_valid(shop(), "home", decide_home(push_rules(shop(), RULE)), AT)


@pytest.mark.parametrize("stock", [None, 0])
def test_a_layout_that_shows_what_is_gone_or_sold_out_is_not_valid(stock: int | None) -> None:
    layout = decide_home(shop())
    shown = item_ids(layout)[0]

    def change(item: Item) -> Item | None:
        if item.item_id != shown:
            return item
        return None if stock is None else msgspec.structs.replace(item, stock=stock)

    assert not still_valid(push_items(shop(), change), "home", layout, AT)


def test_a_catalogue_that_changed_elsewhere_leaves_a_layout_valid() -> None:
    layout = decide_home(shop())
    shown = set(item_ids(layout))

    def change(item: Item) -> Item:
        return item if item.item_id in shown else msgspec.structs.replace(item, stock=0)

    assert still_valid(push_items(shop(), change), "home", layout, AT)


@pytest.mark.parametrize("bound", ["starts_at", "ends_at"])
def test_a_layout_of_before_a_campaigns_begin_or_end_is_not_valid_after_it(bound: str) -> None:
    moment: dict[str, Any] = {bound: datetime.fromtimestamp(AT, UTC) + timedelta(seconds=60)}
    campaign = RuleDef(id="campaign", action="pin", match=Match(items=["i002"]), **moment)
    ruled = push_rules(shop(), campaign)
    layout = decide_home(ruled)
    assert still_valid(ruled, "home", layout, AT + 59)
    assert not still_valid(ruled, "home", layout, AT + 61)


@pytest.mark.parametrize("edition", [b"", b',"edition":"later"'])
def test_a_layout_whose_edition_cannot_be_read_is_not_valid(edition: bytes) -> None:
    head, body = decide_home(shop()).split(b',"layout_id":', 1)
    layout = head.partition(b',"edition"')[0] + edition + b',"layout_id":' + body
    assert not still_valid(shop(), "home", layout, AT)


def test_a_mark_changes_with_storefront_catalogue_and_campaigns() -> None:
    starts_at = datetime.fromtimestamp(AT, UTC) + timedelta(seconds=60)
    campaign = RuleDef(id="campaign", action="pin", match=Match(items=["i002"]), starts_at=starts_at)
    ruled = push_rules(shop(), campaign)
    fewer = push_items(ruled, lambda item: None if item.item_id == "i001" else item)
    marks = [mark_of(shop(), AT), mark_of(ruled, AT), mark_of(ruled, AT + 61), mark_of(fewer, AT)]
    assert len(set(marks)) == len(marks)
    assert mark_of(ruled, AT + 59) == mark_of(ruled, AT)
