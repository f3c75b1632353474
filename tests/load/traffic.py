"""Browsing traffic as bytes: what visitors of the demo shop would post, seeded and cheap to send.

Each event is three byte strings, so that the timestamp can be the moment of sending and everything
else is encoded before the clock runs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from schemas.catalog import Item

KINDS = (
    ("view_item", 58), ("select_item", 14), ("view_item_list", 8), ("page_view", 6), ("search", 4),
    ("add_to_cart", 6), ("remove_from_cart", 1), ("purchase", 2), ("share", 1),
)  # fmt: skip
"""Event mix in percent: views dominate, as in any shop's log."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An event around its timestamp: `before + timestamp + after` is the record's value."""

    key: bytes
    before: bytes
    after: bytes

    def value(self, timestamp: bytes) -> bytes:
        return self.before + timestamp + self.after


def now_text() -> bytes:
    """The current time as RFC 3339 text."""
    return datetime.now(UTC).isoformat().encode()


def _event_item(item: Item, index: int) -> dict[str, object]:
    return {
        "item_id": item.item_id, "item_name": item.title, "item_brand": item.brand,
        "item_category": item.category, "colour": item.colour, "price": item.price, "index": index,
    }  # fmt: skip


def _properties(kind: str, items: Sequence[Item], rng: random.Random, n: int) -> dict[str, object]:
    picked = [_event_item(item, index) for index, item in enumerate(items)]
    match kind:
        case "search":
            return {"search_term": rng.choice(items).category}
        case "page_view":
            return {"engagement_time_msec": rng.randrange(1000, 60_000)}
        case "purchase":
            return {
                "transaction_id": f"t{n}",
                "items": picked[:1],
                "value": items[0].price,
                "currency": "EUR",
            }
        case "view_item_list":
            return {"item_list_id": "home.row-1", "items": picked}
        case _:
            return {"items": picked[:1]}


def browsing_events(
    items: Sequence[Item], *, visitors: int, count: int, seed: int, first: int = 0
) -> list[Prepared]:
    """`count` events of `visitors` visitors in turn, so that one visitor's events are far apart.

    Each visitor looks mostly into one favourite category, as people do. Message ids count from `first`: more
    events of the same visitors need others, or they are taken for repetitions.
    """
    rng = random.Random(seed)
    by_category: dict[str, list[Item]] = {}
    for item in items:
        by_category.setdefault(item.category, []).append(item)
    names = sorted(by_category)
    favourites = [rng.choice(names) for _ in range(visitors)]
    kinds = rng.choices([k for k, _ in KINDS], [w for _, w in KINDS], k=count)
    events = []
    for n in range(count):
        visitor = n % visitors
        choice = by_category[favourites[visitor] if rng.random() < 0.8 else rng.choice(names)]
        body = {
            "event": kinds[n], "message_id": f"{seed}-{first + n}", "anonymous_id": f"load-{seed}-{visitor}",
            "channel": "web", "context": {"device": "mobile" if visitor % 2 else "desktop"},
            "properties": _properties(kinds[n], rng.choices(choice, k=3), rng, n), "timestamp": "@",
        }  # fmt: skip
        before, after = orjson.dumps(body).split(b'"@"')
        events.append(Prepared(f"a:load-{seed}-{visitor}".encode(), before + b'"', b'"' + after))
    return events
