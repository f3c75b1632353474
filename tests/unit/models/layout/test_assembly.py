"""Assembly: variety in a row, defaults, pins among a module's items, which module takes a slot."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from models.catalog.build import build_items
from models.catalog.table import ItemTable
from models.layout.assembly.items import BRAND_SHARE, CATEGORY_SHARE
from models.layout.assembly.stability import UPPER_SLOT_MARGIN
from models.policy.decide import decide
from models.policy.layout_decision import LayoutDecision, PageRequest
from models.policy.snapshot import build_snapshot
from models.ranking.popularity import PopularityRanker
from models.storefront.shop import Shop, build_shop
from models.visitor.packing import pack
from models.visitor.state import CartLine, RecentItem, VisitorState
from schemas.catalog import Item
from schemas.ids import ItemId, VisitorId, hash32, hash48
from schemas.signals import Neighbour, Signal
from schemas.storefront import Match, ModuleDef, PageDef, PageType, RuleDef, SlotDef, Storefront

AT = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()


def table(kinds: int = 6, brands: int = 5, each: int = 40) -> ItemTable:
    """Items of kind0 are the most popular, then those of kind1, ..."""
    items = [
        Item(
            item_id=f"k{kind}-{number:03}",
            title=f"Thing {kind}/{number}",
            categories=["all", f"kind{kind}"],
            brand=f"brand{number % brands}",
            price=10.0 + number,
        )
        for kind in range(kinds)
        for number in range(each)
    ]
    signals = {
        ItemId(item.item_id): Signal(
            item_id=ItemId(item.item_id), at=AT, delta_offset=1, popularity=1000.0 - n, trend=500.0 - n
        )
        for n, item in enumerate(items)
    }
    return build_items(items, signals, AT)


def decide_page(
    shop: Shop, state: VisitorState | None = None, previous: LayoutDecision | None = None
) -> LayoutDecision:
    request = PageRequest(
        visitor=VisitorId("a:v"),
        state=pack(state or viewer("k1-000")),
        version=None,
        previous=previous.fills if previous else None,
    )
    return decide(build_snapshot(shop, PopularityRanker()), [request], AT)[0]


def viewer(*ids: str, cart: str = "") -> VisitorState:
    kinds = {hash32(f"kind{name[1]}"): 4.0 for name in ids[:1]}
    return VisitorState(
        at=int(AT),
        events=len(ids),
        recent=tuple(RecentItem(hash48(name), int(AT) - 700 * n) for n, name in enumerate(ids)),
        categories=kinds,
        now_categories=kinds,
        cart=(CartLine(hash48(cart), int(AT), 1, 10.0),) if cart else (),
    )


def item_ids(decided: LayoutDecision, slot: str) -> list[str]:
    return next([item.id for item in one.module.items] for one in decided.layout.slots if one.slot == slot)


def one_slot_shop(*modules: ModuleDef, rules: tuple[RuleDef, ...] = (), names: tuple[str, ...] = ()) -> Shop:
    admits = [*(module.id for module in modules), *names]
    slot = SlotDef(id="home.a", admits=admits, default=admits[0])
    document = Storefront(
        pages=[PageDef(page="home", slots=[slot])], modules=list(modules), rules=list(rules)
    )
    return build_shop(table(), document)


PLAIN = ModuleDef(id="plain", type="recommended", title="For you", items_max=10, prior=1.0)


def test_no_brand_or_category_takes_more_than_its_share() -> None:
    shown = item_ids(decide_page(one_slot_shop(PLAIN), viewer("k3-000")), "home.a")
    assert len(shown) == 10
    assert max(Counter(name[:2] for name in shown).values()) <= CATEGORY_SHARE * 10
    assert max(Counter(int(name[3:]) % 5 for name in shown).values()) <= BRAND_SHARE * 10


def test_a_product_in_several_colours_comes_once_in_a_varied_row() -> None:
    items = [
        replace(item, title=f"Model {number // 3}", brand="brand", colour=f"colour{number % 3}")
        for number, item in enumerate(table().items)
    ]
    slot = SlotDef(id="home.a", admits=["plain"], default="plain")
    document = Storefront(pages=[PageDef(page="home", slots=[slot])], modules=[PLAIN])
    shop = build_shop(build_items(items, {}, AT), document)
    titles = {item.item_id: item.title for item in items}
    hero = [titles[name] for name in item_ids(decide_page(shop), "home.a")[:4]]
    assert len(set(hero)) == len(hero)


def test_a_reason_names_the_newest_look_or_no_category_at_all() -> None:
    hero = ModuleDef(id="hero", type="hero", title="For you", items_min=1, items_max=3, prior=1.0)
    shop = one_slot_shop(hero)
    strong = viewer("k1-000")
    agreeing = decide_page(shop, strong).layout.slots[0].module
    assert agreeing.items[0].id.startswith("k1")
    assert agreeing.reason == "Because kind1 caught your eye"
    newest = RecentItem(hash48("k2-000"), int(AT))
    outweighed = decide_page(shop, replace(strong, recent=(newest, *strong.recent))).layout.slots[0].module
    assert outweighed.items[0].id.startswith("k1")
    assert outweighed.reason == "A mix of what you like"


def test_a_row_about_one_thing_is_not_varied() -> None:
    near = ModuleDef(id="near", type="because_you_viewed", title="Like {item}", items_max=10, prior=1.0)
    shown = item_ids(decide_page(one_slot_shop(near), viewer("k3-000")), "home.a")
    assert {name[:2] for name in shown} == {"k3"}


def test_a_kind_that_rules_took_away_is_not_claimed() -> None:
    """Items viewed together with the anchor take their place, and the reason says so."""
    items = table().items
    near = [Neighbour(ItemId(f"k3-{number:03}"), 5.0) for number in range(6)]
    signal = Signal(item_id=ItemId("k1-000"), at=AT, delta_offset=1, co_viewed=near)
    module = ModuleDef(id="near", type="because_you_viewed", title="Like {item}", prior=1.0)
    slot = SlotDef(id="home.a", admits=["near"], default="near")
    out = RuleDef(id="out", action="exclude", match=Match(categories=["kind1"]))
    plain = Storefront(pages=[PageDef(page="home", slots=[slot])], modules=[module])
    claims = []
    for document in (plain, replace(plain, rules=[out])):
        shop = build_shop(build_items(items, {signal.item_id: signal}, AT), document)
        shown = decide_page(shop).layout.slots[0].module
        claims.append(({item.id[:2] for item in shown.items}, shown.reason))
    assert claims == [
        ({"k1"}, "The same kind of thing, your likely favourites first"),
        ({"k3"}, "Others looked at these together with it"),
    ]


def test_shares_do_not_shorten_a_row_without_alternatives() -> None:
    items = [item for item in table(kinds=1, brands=1).items if item.item_id != "k0-000"]
    slot = SlotDef(id="home.a", admits=["plain"], default="plain")
    document = Storefront(pages=[PageDef(page="home", slots=[slot])], modules=[PLAIN])
    shop = build_shop(build_items(items, {}, AT), document)
    assert len(item_ids(decide_page(shop, viewer("k0-001")), "home.a")) == 10


def test_items_viewed_or_in_the_cart_are_not_recommended() -> None:
    seen = ("k1-000", "k1-001", "k1-002")
    decided = decide_page(build_shop(table()), viewer(*seen, cart="k2-000"))
    for slot in decided.layout.slots:
        shown = {item.id for item in slot.module.items}
        if slot.module.type not in ("recently_viewed", "from_cart"):
            assert not shown & {*seen, "k2-000"}, slot.module.id


def test_pins_stand_at_their_index_and_the_row_keeps_its_length() -> None:
    pins = (
        RuleDef(id="a", action="pin", match=Match(items=["k5-039"]), slot="home.a", index=3),
        RuleDef(id="b", action="pin", match=Match(items=["k5-038", "k5-037"]), slot="home.a"),
    )
    shown = item_ids(decide_page(one_slot_shop(PLAIN, rules=pins)), "home.a")
    assert len(shown) == 10
    assert (shown[0], shown[1], shown[3]) == ("k5-038", "k5-037", "k5-039")


def test_more_pins_than_room_make_the_row_longer() -> None:
    few = ModuleDef(id="few", type="recommended", title="For you", items_min=1, items_max=2, prior=1.0)
    wanted = [f"k5-{number:03}" for number in range(5)]
    pin = RuleDef(id="a", action="pin", match=Match(items=wanted), slot="home.a")
    assert item_ids(decide_page(one_slot_shop(few, rules=(pin,))), "home.a") == wanted


CART = ModuleDef(id="cart", type="from_cart", title="In your cart", items_min=3, prior=1.0)


@pytest.mark.parametrize("index", [0, 3, 50])
def test_pins_stand_where_nothing_else_does(index: int) -> None:
    pins = (
        RuleDef(id="a", action="pin", match=Match(items=["k5-039"]), slot="home.a", index=index),
        RuleDef(id="b", action="pin", match=Match(items=["k5-038"]), slot="home.a", index=60),
    )
    module = decide_page(one_slot_shop(CART, rules=pins)).layout.slots[0].module
    assert [item.id for item in module.items] == ["k5-039", "k5-038"]
    assert (module.id, module.title) == ("cart", "In your cart")


def test_an_index_past_the_row_is_its_end() -> None:
    pin = RuleDef(id="a", action="pin", match=Match(items=["k5-039"]), slot="home.a", index=50)
    shown = item_ids(decide_page(one_slot_shop(PLAIN, rules=(pin,))), "home.a")
    assert (len(shown), shown[-1]) == (10, "k5-039")


def test_a_pin_that_is_excluded_or_out_of_stock_opens_no_slot() -> None:
    pin = RuleDef(id="a", action="pin", match=Match(items=["k5-039"]), slot="home.a")
    out = RuleDef(id="b", action="exclude", match=Match(items=["k5-039"]))
    assert decide_page(one_slot_shop(CART, rules=(pin, out))).layout.slots == []
    shop = one_slot_shop(CART, rules=(pin,))
    items = [replace(item, stock=item.item_id != "k5-039") for item in shop.items.items]
    slot = SlotDef(id="home.a", admits=["cart"], default="cart")
    document = Storefront(pages=[PageDef(page="home", slots=[slot])], modules=[CART], rules=[pin])
    sold_out = build_shop(build_items(items, {}, AT), document)
    assert decide_page(sold_out).layout.slots == []


def test_a_pin_stands_even_where_the_only_module_was_taken_by_a_slot_above() -> None:
    slots = [SlotDef(id=f"home.{name}", admits=["plain"], default="plain") for name in "ab"]
    pin = RuleDef(id="a", action="pin", match=Match(items=["k5-039"]), slot="home.b", index=2)
    document = Storefront(pages=[PageDef(page="home", slots=slots)], modules=[PLAIN], rules=[pin])
    shown = decide_page(build_shop(table(), document))
    assert len(item_ids(shown, "home.a")) == 10
    assert item_ids(shown, "home.b") == ["k5-039"]
    bare = Storefront(pages=[PageDef(page="home", slots=slots)], modules=[PLAIN])
    assert len(decide_page(build_shop(table(), bare)).layout.slots) == 1


def test_a_slot_takes_the_better_module_and_falls_back_to_its_default() -> None:
    weak = ModuleDef(id="weak", type="popular", title="Bestsellers", prior=0.0)
    strong = ModuleDef(id="strong", type="trending", title="Trending", prior=1.0)
    many = ModuleDef(id="many", type="from_cart", title="Cart", items_min=3, prior=1.0)
    assert decide_page(one_slot_shop(weak, strong)).layout.slots[0].module.id == "strong"
    too_few = decide_page(one_slot_shop(weak, many), viewer("k1-000", cart="k1-001"))
    assert too_few.layout.slots[0].module.id == "weak"


def test_a_module_keeps_its_slot_unless_another_gains_the_margin() -> None:
    def two(prior: float) -> Shop:
        return one_slot_shop(
            ModuleDef(id="a", type="popular", title="A", prior=0.5),
            ModuleDef(id="b", type="popular", title="B", prior=prior),
        )

    half = UPPER_SLOT_MARGIN / 2
    first = decide_page(two(0.4))
    assert first.layout.slots[0].module.id == "a"
    assert decide_page(two(half + 0.45), previous=first).layout.slots[0].module.id == "a"
    assert decide_page(two(half + 0.55), previous=first).layout.slots[0].module.id == "b"
    assert decide_page(two(0.55)).layout.slots[0].module.id == "b"


def test_the_home_page_is_not_about_one_thing_only() -> None:
    decided = decide_page(build_shop(table()), viewer("k1-000", "k1-005"))
    close = [
        slot.module.id
        for slot in decided.layout.slots
        if slot.module.type in ("because_you_viewed", "step_up", "better_price", "category_grid")
    ]
    assert close[0] == "because-you-viewed"
    assert len(close) <= 2


@pytest.mark.parametrize(("kind", "q"), [("kind5", None), (None, "kind5")])
def test_a_listing_stands_on_its_own_page_however_popular_something_else_is(
    kind: str | None, q: str | None
) -> None:
    famous = ItemId("k0-000")
    signals = {famous: Signal(item_id=famous, at=AT, delta_offset=1, popularity=1e6, trend=1e6)}
    shop = build_shop(build_items(table().items, signals, AT))
    where: PageType = "category" if kind else "search"
    request = PageRequest(visitor=VisitorId("a:v"), state=b"", version=None, page=where, category=kind, q=q)
    first = decide(build_snapshot(shop, PopularityRanker()), [request], AT)[0].layout.slots[0].module
    assert first.type == ("category_grid" if kind else "search_results")
    assert {item.id[:2] for item in first.items} == {"k5"}
