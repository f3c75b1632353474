"""Bytes: two parts that join to the answer, cards put in, content read back."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from models.catalog.build import build_items
from models.layout.fills.fill import Fill
from models.layout.fills.packed_fills import fills_of_body, translate_fills
from models.layout.fills.page_fills import PageFills, hash_subject
from models.layout.rendering.answer import (
    decode_layout,
    head_json,
    layout_bytes,
    make_layout_id,
    slots_json,
)
from models.layout.rendering.cards import card_of, hydrate
from models.policy.decide import decide
from models.policy.fallback import static_layout
from models.policy.layout_decision import LayoutDecision, PageRequest
from models.policy.snapshot import build_snapshot
from models.storefront.edition import FIRST, Edition
from models.storefront.shop import build_shop
from models.visitor.packing import pack
from schemas.catalog import Item
from schemas.codec import encode
from schemas.ids import Version, VisitorId, hash32
from schemas.layouts import Layout, LayoutSlot
from schemas.storefront import PAGE_ORDER, PageType
from tests.unit.models.random_shops import AT, random_snapshot, random_state

MIXED = build_shop(
    build_items(
        [
            Item(item_id=f"{kind}-{n}", title=f"{kind} {n}", categories=["all", f"{kind}s"], price=9.0)
            for kind in ("jacket", "bag")
            for n in range(6)
        ],
        {},
        AT,
    )
)
LEADS = "Because jackets caught your eye"
ALIKE = "The same kind of thing, your likely favourites first"
BESIDE = "Others looked at these together with it"

AWKWARD = 'a:"quoted"\\slash'


@pytest.fixture
def decision() -> LayoutDecision:
    random = Random(5)
    snapshot = random_snapshot(random, 150)
    state = random_state(random, snapshot.shop.items.ids)
    return decide(
        snapshot, [PageRequest(visitor=VisitorId(AWKWARD), state=pack(state), version=Version(1, 2, 3))], AT
    )[0]


def test_head_and_body_are_the_answer(decision: LayoutDecision) -> None:
    layout = decision.layout
    assert decision.head() + decision.body() == encode(layout) == layout_bytes(layout)
    assert layout.visitor_id == AWKWARD


def test_a_head_without_a_state() -> None:
    assert head_json("0.0.0", 0, FIRST) == b'{"version":"0.0.0","as_of":null,"edition":"0.0"'
    head = b'{"version":"1.2.3","as_of":"2026-11-01T08:00:00Z","edition":"7.40"'
    assert head_json("1.2.3", 1_793_520_000, Edition(7, 40)) == head


def test_an_id_tells_every_part_apart() -> None:
    ids = {make_layout_id(*parts) for parts in [("a", "bc"), ("ab", "c"), ("a", "b", "c"), ("a", None)]}
    assert len(ids) == 4


def test_content_is_read_back(decision: LayoutDecision) -> None:
    fills = fills_of_body(decision.body())
    assert fills is not None
    assert (fills.layout_id, fills.provenance) == (decision.fills.layout_id, decision.fills.provenance)
    table = decision.shop.items
    back = translate_fills(fills, decision.shop.view, "home", table.row_by_id)
    assert [(f.slot, f.module, f.rows) for f in back] == [
        (f.slot, f.module, f.rows) for f in decision.assembled
    ]


@pytest.mark.parametrize("body", [b"", b"{}", b',"layout_id":1}', b',"layout_id":"x"}', b"\xff\xff"])
def test_a_body_of_other_code_is_no_content(body: bytes) -> None:
    assert fills_of_body(body) is None


def reason(module: str, subject: int, shown: str, *, personal: bool = True) -> str:
    """Why a module shows `shown`: a letter for each item, `j` a jacket and `b` a bag."""
    names = {"j": "jacket", "b": "bag"}
    rows = [MIXED.items.row_of(f"{names[letter]}-{n}") for n, letter in enumerate(shown)]
    fill = Fill(0, MIXED.storefront.module_codes[module], subject, rows)
    fills = PageFills()
    fills.read_list([fill])
    raw = slots_json(MIXED.view, "home", fills, "id", personal=personal, query="")
    return msgspec.json.decode(raw, type=list[LayoutSlot])[0].module.reason


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("jjj", LEADS), ("jjb", LEADS), ("jbj", LEADS), ("j", LEADS), ("jbb", "A mix of what you like"),
        ("bjj", "A mix of what you like"), ("jb", LEADS), ("", "A mix of what you like"),
    ],
)  # fmt: skip
def test_a_category_is_named_where_it_leads_and_is_half(shown: str, expected: str) -> None:
    assert reason("hero", hash_subject(hash32("jackets")), shown) == expected


@pytest.mark.parametrize(
    ("shown", "expected"),
    [("jjjj", ALIKE), ("jjjb", ALIKE), ("bjjj", ALIKE), ("jjbb", BESIDE), ("jbbb", BESIDE), ("bbbb", BESIDE)],
)
def test_what_stands_beside_an_item_is_not_called_the_same_kind(shown: str, expected: str) -> None:
    anchor = MIXED.items.row_of("jacket-5")
    assert reason("because-you-viewed", anchor, shown) == expected
    assert reason("step-up", anchor, shown) == "The same kind of thing, one step finer"


def test_strangers_are_told_the_same_of_what_stands_beside_an_item() -> None:
    anchor = MIXED.items.row_of("jacket-5")
    alike = "The same kind of thing, shoppers' favourites first"
    assert reason("similar", anchor, "jjj", personal=False) == alike
    assert reason("similar", anchor, "bbb", personal=False) == BESIDE


def test_cards_are_put_in(decision: LayoutDecision) -> None:
    table = decision.shop.items
    answer = decision.head() + decision.body()
    for _ in range(2):  # the second time from the view's cached cards
        layout = decode_layout(hydrate(answer, decision.shop))
        for slot in layout.slots:
            for item in slot.module.items:
                assert item.card == card_of(table.items[table.row_of(item.id)])
        bare = [
            msgspec.structs.replace(item, card=None) for slot in layout.slots for item in slot.module.items
        ]
        assert bare == [item for slot in decision.layout.slots for item in slot.module.items]


def test_hostile_ids_and_titles_keep_the_answer_whole() -> None:
    items = [
        Item(item_id='x","index":0}', title='{"id":"a","index":3} {item}', categories=["c"], price=1.0),
        Item(item_id="back\\slash", title="\u2028</script>", categories=["c"], price=2.0),
    ]
    shop = build_shop(build_items(items, {}, AT))
    state = random_state(Random(2), [item.item_id for item in items])
    decision = decide(
        build_snapshot(shop), [PageRequest(visitor=VisitorId("a:v"), state=pack(state), version=None)], AT
    )[0]
    layout = decode_layout(hydrate(decision.head() + decision.body(), shop))
    cards = {item.id: item.card for slot in layout.slots for item in slot.module.items}
    assert cards == {item.item_id: card_of(item) for item in items}


@pytest.mark.parametrize("page", PAGE_ORDER)
def test_the_packaged_layout_is_valid_and_labelled(page: PageType) -> None:
    layout = static_layout(page, VisitorId("a:v"), "redis_down")
    assert msgspec.json.decode(layout_bytes(layout), type=Layout) == layout
    assert (layout.mode, layout.reason, layout.as_of, layout.page) == ("static", "redis_down", None, page)
    assert layout.slots
    assert all("{" not in slot.module.title for slot in layout.slots)
