"""A Shop is swapped whole, and keeps what did not change."""

from __future__ import annotations

from random import Random
from weakref import ref

import msgspec
import pytest

from models.catalog.build import build_items, with_signals
from models.storefront.edition import Edition
from models.storefront.shop import build_shop, empty_shop, with_items, with_storefront
from schemas.errors import InvalidDocument
from schemas.ids import ItemId
from schemas.signals import Signal
from schemas.storefront import PAGE_ORDER, Match, PageDef, RuleDef, SlotDef, Storefront
from tests.unit.models.random_shops import AT, random_table

TABLE = random_table(Random(4), 30)


def test_newer_signals_keep_the_view() -> None:
    shop = build_shop(TABLE, generation=1)
    signal = Signal(item_id=ItemId(TABLE.ids[0]), at=AT, delta_offset=9, popularity=1e4)
    newer = with_items(
        shop, with_signals(TABLE, {signal.item_id: signal}, AT + 1), generation=2, built_at=AT + 1
    )
    assert newer.view is shop.view
    assert (newer.generation, shop.generation) == (2, 1)
    assert newer.items.popularity[0] == pytest.approx(1e4, rel=0.01)


def test_another_catalogue_gets_another_view() -> None:
    shop = build_shop(TABLE)
    newer = with_items(shop, random_table(Random(5), 31), generation=2, built_at=AT)
    assert newer.view is not shop.view
    assert len(newer.view.item_json) == 31


def test_a_few_earlier_views_are_kept() -> None:
    shop = build_shop(TABLE)
    first = ref(shop.view)
    for seed in range(4):
        shop = with_items(shop, random_table(Random(seed), 20 + seed), generation=seed, built_at=AT)
    assert first() is shop.earlier_views[-1]
    shop = with_storefront(shop, Storefront(), generation=9, built_at=AT)
    assert len(shop.earlier_views) == 4
    assert first() is None


def test_the_same_items_read_again_keep_the_view() -> None:
    shop = build_shop(TABLE)
    again = build_items([msgspec.structs.replace(item) for item in TABLE.items], {}, AT)
    assert with_items(shop, again, generation=2, built_at=AT).view is shop.view


def test_rules_follow_the_storefront() -> None:
    shop = build_shop(TABLE, generation=1)
    rule = RuleDef(id="x", action="exclude", match=Match(items=[TABLE.ids[0]]))
    ruled = with_storefront(shop, Storefront(rules=[rule]), generation=2, built_at=AT)
    assert [one.rule.id for one in ruled.view.rules.rules] == ["x"]
    assert shop.view.rules.rules == ()


def test_each_part_is_used_since_the_edition_that_changed_it() -> None:
    shop = build_shop(TABLE, edition=Edition(1, 10))
    assert shop.since == Edition(1, 10)
    again = with_items(shop, with_signals(TABLE, {}, AT), generation=2, built_at=AT, edition=Edition(1, 12))
    assert (again.edition, again.since) == (Edition(1, 12), Edition(1, 10)), "read on, and nothing new"
    stocked = with_items(
        again, random_table(Random(5), 31), generation=3, built_at=AT, edition=Edition(1, 13)
    )
    assert stocked.since == Edition(1, 13)
    ruled = with_storefront(stocked, Storefront(), generation=4, built_at=AT, edition=Edition(2, 15))
    assert (ruled.edition, ruled.since) == (Edition(2, 15), Edition(2, 13))


@pytest.mark.parametrize("text", ["", "1", "1.", ".1", "1.2.3", "-1.2", "1.x", "\u0661.\u0662", "1. 2"])
def test_what_is_no_edition(text: str) -> None:
    assert Edition.parse(text) is None
    assert Edition.parse(Edition(3, 4).text()) == Edition(3, 4)


def test_a_wrong_storefront_changes_nothing() -> None:
    shop = build_shop(TABLE)
    wrong = Storefront(pages=[PageDef(page="home", slots=[SlotDef(id="a", admits=["no"], default="no")])])
    with pytest.raises(InvalidDocument):
        with_storefront(shop, wrong, generation=2, built_at=AT)


def test_an_empty_shop_has_pages_and_no_items() -> None:
    shop = empty_shop()
    assert (shop.items.n, shop.generation) == (0, 0)
    assert tuple(shop.storefront.pages) == PAGE_ORDER
