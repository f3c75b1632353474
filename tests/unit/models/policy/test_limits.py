"""What a shop, a ranker or an extension in ordinary Python may bring about: never a crash, never a lost page."""

from __future__ import annotations

from random import Random

from msgspec.structs import replace

from models.catalog.build import build_items
from models.policy.decide import decide
from models.policy.layout_decision import LayoutDecision, PageRequest
from models.policy.snapshot import Snapshot, build_snapshot
from models.storefront.shop import build_shop
from models.visitor.packing import pack
from schemas.ids import VisitorId
from schemas.storefront import PageType
from tests.unit.models.random_shops import AT, OddRanker, random_items, random_state


def a_request(snapshot: Snapshot, number: int = 0, page: PageType = "home") -> PageRequest:
    table = snapshot.shop.items
    return PageRequest(
        visitor=VisitorId(f"a:{number}"),
        state=pack(random_state(Random(number), table.ids)),
        version=None,
        page=page,
        item=table.ids[number] if page == "product" else None,
        explained=True,
    )


def rows_of(decision: LayoutDecision) -> list[list[int]]:
    return [fill.rows for fill in decision.assembled]


def test_a_free_item_has_a_page() -> None:
    """Its price is no measure of others: nothing costs so many times as much."""
    free = [replace(item, price=0.0, stock=5) for item in random_items(Random(3), 20)]
    snapshot = build_snapshot(build_shop(build_items(free, {}, AT), built_at=AT), OddRanker())
    assert rows_of(decide(snapshot, [a_request(snapshot, 1, "product")], AT)[0])
