"""A made-up log of 60 visitors, and digests of the packed states it folds to.

Stored states are read by newer code and compared byte for byte with the fold of the log, so how an event
changes a state, to the bit, changes on purpose only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

from models.visitor.fold import fold_packed
from models.visitor.state import EventRecord
from schemas.codec import decode_event
from tests.random_events import START, random_event

FILE = Path(__file__).with_suffix(".txt")
VISITORS, RECORDS = 60, 6_000
NAMES = (
    *["view_item"] * 12, *["page_view"] * 5, *["add_to_cart"] * 3,
    "view_item_list", "select_item", "search", "add_to_wishlist", "remove_from_cart", "view_cart",
    "begin_checkout", "purchase", "refund", "view_promotion", "select_promotion", "share", "login",
    "sign_up", "module_viewed", "module_dismissed", "consent_updated", "chat_started", "tryon_started",
    "return_completed", "review_submitted", "email_opened", "email_clicked", "store_visit",
    "store_purchase", "social_engaged", "support_contacted", "wheel_spun",
)  # fmt: skip
"""Listed here so that a new event leaves the log as it is."""
PAUSES = (1, 5, 30, 61, 600, 1_801, 4_000, 86_400, 900_000)
ODD_TIMES = ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
FoldPacked = Callable[[bytes, EventRecord], bytes]


def log_of_visitors() -> Iterator[tuple[str, EventRecord]]:
    """Every kind of event; some late, by odd clocks, repeated, with many items, rare labels, odd prices."""
    rng = Random(11)
    clocks: dict[str, float] = {f"a:{n}": 0.0 for n in range(VISITORS)}
    sent: dict[str, list[str]] = {name: [] for name in clocks}
    for offset in range(RECORDS):
        visitor = rng.choice(list(clocks))
        clocks[visitor] += rng.choice(PAUSES) if rng.random() < 0.4 else rng.random() * 60
        raw = random_event(rng, visitor, int(clocks[visitor] // 40), name=rng.choice(NAMES))
        body = json.loads(raw)
        if rng.random() < 0.05 and sent[visitor]:
            body["message_id"] = rng.choice(sent[visitor][-20:])
        if rng.random() < 0.1:
            body[rng.choice(("timestamp", "sent_at"))] = rng.choice(ODD_TIMES)
        _vary(rng, body["properties"])
        sent[visitor].append(body["message_id"])
        late = rng.choice((0, 0, 0, 30, 5_000, 100_000)) * rng.random()
        incarnation = 2 if offset > RECORDS * 0.9 and visitor < "a:2" else 1
        event = decode_event(json.dumps(body).encode())
        yield visitor, EventRecord(event, 0, offset, START + clocks[visitor] + late, incarnation)


def _vary(rng: Random, properties: dict[str, Any]) -> None:
    for item in properties.get("items", ()):
        if rng.random() < 0.2:
            item["price"] = rng.choice([None, 0.0, 0.01, 1e9, rng.random() * 1e5])
            item["quantity"] = rng.choice([1, 37, 9_999])
        if rng.random() < 0.2:
            item |= {"item_category3": f"c{rng.randrange(40)}", "item_brand": f"b{rng.randrange(40)}"}
            item |= {"colour": f"k{rng.randrange(9)}", "size": f"s{rng.randrange(9)}"}
    if rng.random() < 0.1 and "items" in properties:
        properties["items"] = properties["items"] * 5
    if rng.random() < 0.2:
        properties.pop("value", None)
    if rng.random() < 0.1:
        properties |= {"tactic": f"t{rng.randrange(10)}", "engagement_time_msec": rng.randrange(1_000_000)}


def digests(fold: FoldPacked) -> str:
    """One line a visitor: a digest of the state after each of its records, and the length of the last."""
    states = {f"a:{n}": b"" for n in range(VISITORS)}
    seen = {name: blake2b(digest_size=8) for name in states}
    for visitor, record in log_of_visitors():
        states[visitor] = fold(states[visitor], record)
        seen[visitor].update(states[visitor])
    return "".join(f"{name} {seen[name].hexdigest()} {len(states[name])}\n" for name in states)


def texts() -> dict[Path, str]:
    """What is to be recorded, by file."""
    return {FILE: digests(fold_packed)}
