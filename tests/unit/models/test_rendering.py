"""Bytes: two parts that join to the answer, cards put in, content read back."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from models.edition import FIRST, Edition
from models.fills import fills_of_body, in_window
from models.hydration import card_of, hydrate
from models.items import build_items
from models.policy import Ask, Decided, decide
from models.rendering import body_bytes, decode_layout, head_bytes, head_json, layout_bytes, layout_id_of
from models.shop import build_shop
from models.static_layouts import static_layout
from schemas.catalog import Item
from schemas.codec import encode
from schemas.ids import Version, VisitorId
from schemas.layouts import Layout
from schemas.storefront import PageType
from tests.unit.models.random_shops import AT, random_shop, random_state

AWKWARD = 'a:"quoted"\\slash'


@pytest.fixture
def decided() -> Decided:
    random = Random(5)
    shop = random_shop(random, 150)
    state = random_state(random, shop.items.ids)
    return decide(shop, [Ask(visitor=VisitorId(AWKWARD), state=state, version=Version(1, 2, 3))], AT)[0]


def test_head_and_body_are_the_answer(decided: Decided) -> None:
    layout = decided.layout
    assert decided.head() + decided.body() == encode(layout) == layout_bytes(layout)
    assert (head_bytes(layout), body_bytes(layout)) == (decided.head(), decided.body())
    assert layout.visitor_id == AWKWARD


def test_a_head_without_a_state() -> None:
    assert head_json("0.0.0", 0, FIRST) == b'{"version":"0.0.0","as_of":null,"edition":"0.0"'
    head = b'{"version":"1.2.3","as_of":"2026-11-01T08:00:00Z","edition":"7.40"'
    assert head_json("1.2.3", 1_793_520_000, Edition(7, 40)) == head


def test_an_id_tells_every_part_apart() -> None:
    ids = {layout_id_of(*parts) for parts in [("a", "bc"), ("ab", "c"), ("a", "b", "c"), ("a", None)]}
    assert len(ids) == 4


def test_content_is_read_back(decided: Decided) -> None:
    fills = fills_of_body(decided.body())
    assert fills is not None
    assert (fills.layout_id, fills.stamp) == (decided.fills.layout_id, decided.fills.stamp)
    table = decided.shop.items
    back = in_window(fills, decided.shop.window, "home", table.row_by_id)
    assert [(f.slot, f.module, f.rows) for f in back] == [
        (f.slot, f.module, f.rows) for f in decided.assembled
    ]


@pytest.mark.parametrize("body", [b"", b"{}", b',"layout_id":1}', b',"layout_id":"x"}', b"\xff\xff"])
def test_a_body_of_other_code_is_no_content(body: bytes) -> None:
    assert fills_of_body(body) is None


def test_cards_are_put_in(decided: Decided) -> None:
    table = decided.shop.items
    answer = decided.head() + decided.body()
    for _ in range(2):  # the second time from the window's ready cards
        layout = decode_layout(hydrate(answer, decided.shop))
        for slot in layout.slots:
            for item in slot.module.items:
                assert item.card == card_of(table.items[table.row_of(item.id)])
        bare = [
            msgspec.structs.replace(item, card=None) for slot in layout.slots for item in slot.module.items
        ]
        assert bare == [item for slot in decided.layout.slots for item in slot.module.items]


def test_hostile_ids_and_titles_keep_the_answer_whole() -> None:
    items = [
        Item(item_id='x","index":0}', title='{"id":"a","index":3} {item}', categories=["c"], price=1.0),
        Item(item_id="back\\slash", title="\u2028</script>", categories=["c"], price=2.0),
    ]
    shop = build_shop(build_items(items, {}, AT))
    state = random_state(Random(2), [item.item_id for item in items])
    decided = decide(shop, [Ask(visitor=VisitorId("a:v"), state=state, version=None)], AT)[0]
    layout = decode_layout(hydrate(decided.head() + decided.body(), shop))
    cards = {item.id: item.card for slot in layout.slots for item in slot.module.items}
    assert cards == {item.item_id: card_of(item) for item in items}


@pytest.mark.parametrize("page", ["home", "category", "product", "cart", "search"])
def test_the_packaged_layout_is_valid_and_labelled(page: PageType) -> None:
    layout = static_layout(page, VisitorId("a:v"), "redis_down")
    assert msgspec.json.decode(layout_bytes(layout), type=Layout) == layout
    assert (layout.mode, layout.reason, layout.as_of, layout.page) == ("static", "redis_down", None, page)
    assert layout.slots
    assert all("{" not in slot.module.title for slot in layout.slots)
