"""I4: each slot filled once, no product twice on a page, pins hold, what is excluded or out of stock never
appears, the same input gives the same bytes. For random shops, visitors, rules and pages."""

from __future__ import annotations

from random import Random
from typing import get_args

from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.catalog.table import ItemTable
from models.layout.fills.packed_fills import fills_of_body
from models.policy.decide import decide
from models.policy.layout_decision import LayoutDecision, PageRequest
from models.storefront.rules import matches
from models.storefront.shop import Shop, with_items
from models.visitor.packing import pack
from schemas.codec import encode
from schemas.ids import Version, VisitorId, hash32
from schemas.storefront import PageType, RuleDef
from tests.unit.models.random_shops import AT, KINDS, random_snapshot, random_state, random_table

seeds = st.integers(0, 2**32 - 1)
sizes = st.sampled_from((1, 2, 5, 20, 60, 150))
pages: st.SearchStrategy[PageType] = st.sampled_from(get_args(PageType))
laws = settings(max_examples=150, deadline=None)


def a_request(random: Random, table: ItemTable, page: PageType, number: int = 0) -> PageRequest:
    state = random_state(random, table.ids)
    return PageRequest(
        visitor=VisitorId(f"a:{number}"),
        state=pack(state),
        version=Version(state.incarnation, 2, state.offset),
        page=page,
        item=random.choice([*table.ids, "unknown"]),
        category=random.choice([*KINDS, "unknown"]),
        q=random.choice(("thing 3", "sneakers", "nothing like it")),
    )


def items_by_slot(decided: LayoutDecision) -> dict[str, list[str]]:
    return {slot.slot: [item.id for item in slot.module.items] for slot in decided.layout.slots}


def check_page(shop: Shop, decided: LayoutDecision) -> None:
    plan = shop.storefront.pages[decided.request.page]
    slots = [slot.slot for slot in decided.layout.slots]
    order = [slot.id for slot in plan.slots]
    assert slots == [slot for slot in order if slot in slots], "slots from the top, each once"
    modules = [slot.module.id for slot in decided.layout.slots]
    assert len(set(modules)) == len(modules)
    items = [item for row in items_by_slot(decided).values() for item in row]
    assert len(set(items)) == len(items), "no product twice"
    for row in items_by_slot(decided).values():
        assert row, "no empty row"


def is_allowed(shop: Shop, item: str, page: PageType) -> bool:
    """Whether the rules allow an item, computed from the document alone."""
    table = shop.items
    row = table.row_of(item)
    if table.items[row].stock <= 0:
        return False
    for rule in shop.storefront.rules:
        if (not rule.pages or page in rule.pages) and matches(rule.match, table)[row]:
            if rule.action == "exclude":
                return False
            if rule.action == "require_stock" and table.items[row].stock < rule.at_least:
                return False
    return True


def pins_of(shop: Shop, page: PageType) -> dict[str, list[tuple[RuleDef, str]]]:
    """Slot -> the items pinned in it with their rules: upper slots first, then by rule id."""
    pinned_items: dict[str, list[tuple[RuleDef, str]]] = {}
    assigned: set[str] = set()
    slots = [slot.id for slot in shop.storefront.pages[page].slots]
    for slot in slots:
        for rule in sorted(shop.storefront.rules, key=lambda rule: rule.id):
            if rule.action == "pin" and (rule.slot or slots[0]) == slot:
                for item in rule.match.items:
                    if item not in assigned and is_allowed(shop, item, page):
                        assigned.add(item)
                        pinned_items.setdefault(slot, []).append((rule, item))
    return pinned_items


@laws
@given(seeds, sizes, pages, st.booleans())
def test_a_page_is_whole(seed: int, size: int, page: PageType, ranker: bool) -> None:
    random = Random(seed)
    snapshot = random_snapshot(random, size, ranker=ranker)
    shop = snapshot.shop
    decided = decide(snapshot, [a_request(random, shop.items, page)], AT)[0]
    check_page(shop, decided)
    for item in [item for row in items_by_slot(decided).values() for item in row]:
        assert is_allowed(shop, item, page)


@laws
@given(seeds, sizes)
def test_pins_hold(seed: int, size: int) -> None:
    random = Random(seed)
    snapshot = random_snapshot(random, size)
    shop = snapshot.shop
    page = items_by_slot(decide(snapshot, [a_request(random, shop.items, "home")], AT)[0])
    for slot, pinned_items in pins_of(shop, "home").items():
        pinned = {item for _, item in pinned_items}
        assert pinned <= set(page[slot])
        rule, item = pinned_items[0]
        # Pins before it and those of other rules may push it, but never beyond them and its index.
        assert page[slot].index(item) <= rule.index + len(pinned_items)
        if len(pinned_items) == 1 and len(page[slot]) > rule.index:
            assert page[slot][rule.index] == item


@laws
@given(seeds, st.sampled_from((5, 60, 150)), pages)
def test_the_same_input_gives_the_same_bytes(seed: int, size: int, page: PageType) -> None:
    """Also when decided together with other visitors."""
    random = Random(seed)
    snapshot = random_snapshot(random, size)
    shop = snapshot.shop
    requests = [a_request(random, shop.items, page, number) for number in range(3)]
    alone = [decide(snapshot, [request], AT)[0] for request in requests]
    for one, together in zip(alone, decide(snapshot, requests, AT), strict=True):
        assert together.head() + together.body() == one.head() + one.body()
        assert encode(together.layout) == together.head() + together.body()


@laws
@given(seeds, st.sampled_from((5, 60, 150)), pages)
def test_deciding_again_changes_nothing(seed: int, size: int, page: PageType) -> None:
    """With the last content in memory, and with what a store gave back."""
    random = Random(seed)
    snapshot = random_snapshot(random, size)
    shop = snapshot.shop
    request = a_request(random, shop.items, page)
    first = decide(snapshot, [request], AT)[0]
    for previous in (first.fills, fills_of_body(first.body())):
        later = PageRequest(
            **{name: getattr(request, name) for name in PageRequest.__struct_fields__}
            | {"previous": previous}
        )
        again = decide(snapshot, [later], AT)[0]
        assert not again.changed
        assert again.fills.layout_id == first.fills.layout_id
        assert again.body() == first.body()


@laws
@given(seeds, st.sampled_from((20, 150)))
def test_stability_never_keeps_what_may_not_be_shown(seed: int, size: int) -> None:
    """The page before came from another catalogue, other rules and another state."""
    random = Random(seed)
    before = random_snapshot(random, size)
    request = a_request(random, before.shop.items, "home")
    previous = decide(before, [request], AT)[0].fills
    after = random_snapshot(random, size)
    later = PageRequest(
        visitor=request.visitor, state=request.state, version=request.version, previous=previous
    )
    decided = decide(after, [later], AT)[0]
    check_page(after.shop, decided)
    for item in [item for row in items_by_slot(decided).values() for item in row]:
        assert is_allowed(after.shop, item, "home")


@settings(max_examples=40, deadline=None)
@given(seeds, pages)
@example(seed=628361, page="product")  # about an item that the shop does not know
@example(seed=406, page="product")
def test_a_shop_with_enough_fills_every_slot(seed: int, page: PageType) -> None:
    """For everybody, strangers too; a slot about what is not there (an empty cart) takes something else."""
    random = Random(seed)
    snapshot = random_snapshot(random, 400, rules=False)
    shop = snapshot.shop
    request = a_request(random, shop.items, page)
    decided = decide(snapshot, [request], AT)[0]
    assert list(items_by_slot(decided)) == [slot.id for slot in shop.storefront.pages[page].slots]


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_new_signals_alone_keep_the_view(seed: int) -> None:
    random = Random(seed)
    snapshot = random_snapshot(random, 60)
    shop = snapshot.shop
    newer = with_items(shop, shop.items, generation=8, built_at=AT + 2)
    assert newer.view is shop.view
    other = with_items(shop, random_table(random, 60), generation=9, built_at=AT + 4)
    assert other.view is not shop.view
    assert hash32("sneakers") in other.view.category_names
