"""Shops, visitors and rules drawn from a seed, for laws that must hold for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from models.catalog.build import build_items
from models.catalog.table import ItemTable
from models.features.spec import NAMES
from models.policy.snapshot import Snapshot, build_snapshot
from models.storefront.index import index_storefront
from models.storefront.shop import build_shop
from models.visitor.decay import quantise
from models.visitor.state import CartLine, PurchasedItem, RecentItem, VisitorState
from schemas.catalog import Item
from schemas.ids import ItemId, hash32, hash48
from schemas.signals import Neighbour, Signal
from schemas.storefront import Match, RuleAction, RuleDef, Storefront

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT = NOW.timestamp()
KINDS = ("sneakers", "boots", "lamps", "mugs", "jackets")
BRANDS = ("Kestrand", "Pellam", "Umberline", None)


ODD_WEIGHTS = {
    "item_log_trend": -6,
    "item_popularity_rank": 5,
    "item_discount": -2,
    "item_newness": 3,
    "page_listing": 1,
    "category_taste": 4,
    "family_now": -3,
    "brand_now": 6,
    "view_recency": -5,
    "in_cart": 2,
    "co_view_anchor": -4,
    "co_view_recent": 5,
    "co_buy": 6,
    "price_gap": -1,
    "anchor_same_brand": 2,
}
"""Of some features of each group: one more feature changes no decision that was recorded."""


class OddRanker:
    """Arbitrary scores, but the same for the same features: whatever else is scored, and on any machine."""

    name = "odd"
    version = "3"
    inline = True
    bounds = None

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = np.zeros(len(features))
        for name, weight in ODD_WEIGHTS.items():
            scores += features[:, NAMES.index(name)] * np.float64(weight)
        return scores.astype(np.float32)

    def score_clipped(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.score(features)


def random_items(random: Random, count: int) -> list[Item]:
    return [
        Item(
            item_id=f"i{number:04}",
            title=f"Thing {number}",
            categories=[random.choice(("shoes", "home")), random.choice(KINDS)],
            price=round(random.uniform(5, 200), 2),
            list_price=220.0 if random.random() < 0.3 else None,
            brand=random.choice(BRANDS),
            stock=random.choice((0, 1, 3, 50, 50)),
            created_at=NOW - timedelta(days=random.randint(0, 200)),
            tags=["sale"] if random.random() < 0.2 else [],
        )
        for number in range(count)
    ]


def random_table(random: Random, count: int, neighbours: int = 6) -> ItemTable:
    """Most items have so many neighbours, as far as there are items; half as many bought together."""
    items = random_items(random, count)
    ids = [ItemId(item.item_id) for item in items]
    signals = {
        item_id: Signal(
            item_id=item_id,
            at=AT,
            delta_offset=1,
            trend=random.expovariate(0.2),
            popularity=random.expovariate(0.02),
            co_viewed=_neighbours(random, ids, neighbours),
            co_bought=_neighbours(random, ids, neighbours // 2),
        )
        for item_id in ids
        if random.random() < 0.8
    }
    return build_items(items, signals, AT)


def _neighbours(random: Random, ids: Sequence[ItemId], most: int) -> list[Neighbour]:
    return [Neighbour(other, random.uniform(1, 9)) for other in random.sample(ids, min(most, len(ids)))]


def random_rules(random: Random, ids: list[str], slots: list[str]) -> list[RuleDef]:
    return [_rule(random, number, ids, slots) for number in range(random.randint(0, 7))]


def _rule(random: Random, number: int, ids: list[str], slots: list[str]) -> RuleDef:
    action = random.choice(("pin", *get_args(RuleAction)))
    name = f"rule-{random.randint(0, 99):02}-{number}"
    if action == "pin":
        items = random.sample(ids, random.randint(1, min(4, len(ids))))
        return RuleDef(
            id=name,
            action="pin",
            match=Match(items=items),
            slot=random.choice((*slots, None)),
            index=random.choice((0, 0, 1, 5)),
        )
    match = random.choice(
        (
            Match(items=random.sample(ids, min(3, len(ids)))),
            Match(categories=[random.choice(KINDS)], price_above=60.0),
            Match(brands=["Pellam"]),
            Match(tags=["sale"], price_below=150.0),
        )
    )
    if action == "boost":
        return RuleDef(id=name, action="boost", match=match, factor=random.choice((0.0, 0.5, 3.0, 50.0)))
    if action == "require_stock":
        return RuleDef(id=name, action="require_stock", match=match, at_least=random.randint(1, 20))
    return RuleDef(id=name, action=action, match=match)


def random_snapshot(random: Random, count: int, *, ranker: bool = True, rules: bool = True) -> Snapshot:
    table = random_table(random, count)
    plain = index_storefront(Storefront())
    slots = [slot.id for slot in plain.pages["home"].slots]
    document = Storefront(rules=random_rules(random, table.ids, slots) if rules else [])
    shop = build_shop(table, document, generation=7, built_at=AT)
    return build_snapshot(shop, OddRanker() if ranker else None)


def random_state(random: Random, ids: list[str]) -> VisitorState:
    """Up to a dozen views, a cart, purchases; ids that the shop does not know among them."""
    keys = [hash48(name) for name in random.sample([*ids, "gone-1", "gone-2"], min(12, len(ids)))]
    seen = keys[: random.randint(0, 12)]
    affinities = {hash32(kind): quantise(random.uniform(0.5, 6)) for kind in random.sample(KINDS, 2)}
    return VisitorState(
        incarnation=3,
        offset=random.randint(0, 500),
        at=int(AT) - random.randint(0, 600),
        events=len(seen) + 1,
        recent=tuple(RecentItem(key, int(AT) - 600 - 30 * n) for n, key in enumerate(seen)),
        cart=tuple(CartLine(key, int(AT) - 600, 1, 9.5) for key in keys[-random.randint(1, 3) :])
        if random.random() < 0.4
        else (),
        bought=(PurchasedItem(keys[-1], int(AT) - 9000, 20.0),) if random.random() < 0.3 else (),
        categories=affinities if seen else {},
        now_categories=affinities if random.random() < 0.5 and seen else {},
        price=3.5 if seen else 0.0,
        price_weight=1.0 if seen else 0.0,
        promotions={hash32("trending"): (9, 4)} if random.random() < 0.3 else {},
        dismissed=(hash32("popular"),) if random.random() < 0.2 else (),
        returns_to_item=random.randint(0, 3),
    )
