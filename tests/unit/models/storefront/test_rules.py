"""Which rule wins, and when rules apply."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from models.catalog.build import build_items
from models.catalog.table import ItemTable
from models.storefront.index import index_storefront
from models.storefront.rules import PageRules, compile_rules, matches, page_rules
from schemas.catalog import Item
from schemas.storefront import Match, PageType, RuleDef, Storefront

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = NOON.timestamp()


def shop(*stock: int) -> ItemTable:
    return build_items(
        [
            Item(
                item_id=f"i{number}",
                title=f"Thing {number}",
                categories=["shoes", "boots" if number % 2 else "sneakers"],
                brand="Pellam" if number < 2 else None,
                price=10.0 * (number + 1),
                stock=units,
                tags=["sale"] if number == 3 else [],
            )
            for number, units in enumerate(stock or (5, 5, 5, 5, 0))
        ],
        {},
        AT,
    )


def rules(*given: RuleDef, at: float = AT, page: PageType = "home") -> PageRules:
    return page_rules(compile_rules(shop(), index_storefront(Storefront(rules=list(given)))), page, at)


def pin(name: str, *items: str, slot: str | None = "home.row-1", index: int = 0) -> RuleDef:
    return RuleDef(id=name, action="pin", match=Match(items=list(items)), slot=slot, index=index)


def test_without_stock_nothing_is_allowed() -> None:
    assert rules().allowed.tolist() == [True, True, True, True, False]


def test_a_match_needs_all_its_conditions() -> None:
    table = shop()
    assert matches(Match(), table).all()
    assert matches(Match(categories=["boots"]), table).tolist() == [False, True, False, True, False]
    assert matches(Match(categories=["shoes"], brands=["Pellam"]), table).tolist()[:3] == [True, True, False]
    assert matches(Match(tags=["sale"]), table).tolist() == [False, False, False, True, False]
    assert matches(Match(price_above=10, price_below=30), table).tolist() == [
        False,
        True,
        False,
        False,
        False,
    ]
    assert not matches(Match(items=["gone"]), table).any()


def test_exclude_and_stock_beat_a_pin() -> None:
    combined = rules(
        pin("a", "i0", "i1", "i4"),
        RuleDef(id="b", action="exclude", match=Match(items=["i0"])),
        RuleDef(id="c", action="require_stock", match=Match(items=["i2"]), at_least=6),
    )
    assert combined.allowed.tolist() == [False, True, False, True, False]
    assert [p.row for p in combined.pins["home.row-1"]] == [1]


def test_pins_that_claim_the_same_item_or_index() -> None:
    combined = rules(pin("b", "i1", "i2"), pin("a", "i3"), pin("c", "i3", "i0", slot="home.hero"))
    assert [(p.index, p.row, p.rule) for p in combined.pins["home.hero"]] == [(0, 3, "c"), (1, 0, "c")]
    assert [(p.index, p.row, p.rule) for p in combined.pins["home.row-1"]] == [(0, 1, "b"), (1, 2, "b")]
    combined = rules(pin("b", "i1"), pin("a", "i3"), pin("c", "i0", index=1))
    assert [(p.index, p.row) for p in combined.pins["home.row-1"]] == [(0, 3), (1, 1), (2, 0)]
    assert combined.reserved == {0, 1, 3}


def test_a_pin_without_a_slot_is_for_the_first_of_each_page() -> None:
    everywhere = pin("a", "i1", slot=None)
    assert list(rules(everywhere).pins) == ["home.hero"]
    assert list(rules(everywhere, page="cart").pins) == ["cart.lines"]
    assert not rules(pin("a", "i1"), page="cart").pins


def test_boosts_multiply() -> None:
    combined = rules(
        RuleDef(id="a", action="boost", match=Match(brands=["Pellam"]), factor=3.0),
        RuleDef(id="b", action="boost", match=Match(items=["i1"]), factor=0.5),
    )
    assert combined.boost is not None
    assert combined.boost.tolist() == [3.0, 1.5, 1.0, 1.0, 1.0]
    assert rules().boost is None


def test_a_rule_applies_from_its_start_until_just_before_its_end() -> None:
    campaign = RuleDef(
        id="a",
        action="exclude",
        match=Match(items=["i0"]),
        starts_at=NOON,
        ends_at=NOON + timedelta(hours=1),
        pages=["home"],
    )
    times = {-1.0: True, 0.0: False, 3599.0: False, 3600.0: True}
    assert {past: bool(rules(campaign, at=AT + past).allowed[0]) for past in times} == times
    assert rules(campaign, page="cart").allowed[0]
