"""Believable events from a seed, as the JSON bytes a record holds: for fault harnesses and load tests.

`random_event(rng, visitor, n)` is a function of its arguments and the generator's state alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC).timestamp()
"""Epoch seconds of event 0; event n of a visitor comes about 40 s after its event n - 1."""

_KINDS = (
    ("women", "shoes", "sneakers"),
    ("women", "shoes", "boots"),
    ("women", "clothing", "dresses"),
    ("men", "shoes", "sneakers"),
    ("men", "clothing", "jackets"),
    ("home", "kitchen", "pans"),
    ("home", "light", "lamps"),
    ("sport", "outdoor", "tents"),
    ("sport", "running", "watches"),
    ("kids", "toys", "trains"),
)
_BRANDS = ("Arvo", "Belka", "Corte", "Dune", "Estel", "Fjell", "Gado", "Hibou", "Ilmari", "Juno")
_COLOURS = ("black", "white", "red", "blue", "green", "sand")
_SIZES = ("S", "M", "L", "38", "39", "40", "41", "42")
_WORDS = ("red sneakers", "warm jacket", "gift", "tent for two", "small lamp", "running watch")
_TACTICS = ("discount", "scarcity", "social_proof", "novelty", "bundle", "free_shipping")
_MODULES = ("hero", "recommended", "trending", "bought-together", "chat")
_CHANNELS = ("web",) * 7 + ("app",) * 3 + ("email", "chatbot", "social", "store")
_DEVICES = ("mobile",) * 5 + ("desktop",) * 3 + ("tablet",)

MIX = {
    "page_view": 20, "view_item_list": 10, "select_item": 12, "view_item": 34, "search": 5,
    "add_to_wishlist": 2, "add_to_cart": 6, "remove_from_cart": 2, "view_cart": 3, "begin_checkout": 1,
    "purchase": 1, "refund": 1, "view_promotion": 3, "select_promotion": 1, "share": 1, "login": 1,
    "sign_up": 1, "module_viewed": 8, "module_dismissed": 1, "consent_updated": 1, "chat_started": 1,
    "tryon_started": 1, "return_completed": 1, "review_submitted": 1, "email_opened": 1,
    "email_clicked": 1, "store_visit": 1, "store_purchase": 1, "social_engaged": 1,
    "support_contacted": 1, "wheel_spun": 1,
}  # fmt: skip
"""How often each event comes; the last name is one that no shop system knows."""
_NAMES = tuple(MIX)
_TIMES = tuple(MIX.values())


def random_event(rng: Random, visitor: str, n: int, *, name: str | None = None, **changed: Any) -> bytes:
    """Event `n` of `visitor` (`a:...` or `u:...`); `changed` replaces fields of the envelope."""
    name = name or rng.choices(_NAMES, _TIMES)[0]
    at = START + n * 40 + rng.random() * 20
    body: dict[str, Any] = {
        "message_id": f"{visitor}-{n}-{rng.getrandbits(32):08x}",
        "event": name,
        "user_id" if visitor.startswith("u:") else "anonymous_id": visitor[2:],
        "timestamp": moment(at),
        "session_id": f"s{n // 25}",
        "channel": rng.choice(_CHANNELS),
        "context": {"device": rng.choice(_DEVICES), "locale": "en-GB"},
        "properties": _PROPERTIES.get(name, _plain)(rng, visitor),
    }
    if name.startswith("module_") or rng.random() < 0.2:
        body["module_id"] = rng.choice(_MODULES)
    if rng.random() < 0.5:
        body["sent_at"] = moment(at + rng.random())
    return json.dumps(body | changed, separators=(",", ":")).encode()


def moment(at: float) -> str:
    """Epoch seconds as the text of a timestamp field."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def random_item(rng: Random, visitor: str) -> dict[str, Any]:
    """One of 400 items with all its fields; three in four are of the two kinds this visitor likes."""
    liked = sum(visitor.encode()) % len(_KINDS)
    kind = (liked + rng.randrange(2)) % len(_KINDS) if rng.random() < 0.75 else rng.randrange(len(_KINDS))
    number = rng.randrange(40)
    levels = _KINDS[kind]
    return {
        "item_id": f"{levels[-1]}-{kind}-{number:02d}",
        "item_name": f"{levels[-1]} no. {number}",
        "item_brand": _BRANDS[(kind * 3 + number % 4) % len(_BRANDS)],
        "item_category": levels[0],
        "item_category2": levels[1],
        "item_category3": levels[2],
        "colour": _COLOURS[number % len(_COLOURS)],
        "size": rng.choice(_SIZES),
        "price": round(9.95 + (kind * 37 + number * 13) % 240, 2),
        "quantity": 1,
        "index": rng.randrange(12),
    }


def _items(rng: Random, visitor: str) -> dict[str, Any]:
    return {"items": [random_item(rng, visitor)], "currency": "EUR", "value": 49.9}


def _view(rng: Random, visitor: str) -> dict[str, Any]:
    return _items(rng, visitor) | {"engagement_time_msec": rng.randrange(90_000)}


def _list(rng: Random, visitor: str) -> dict[str, Any]:
    item = random_item(rng, visitor)
    return {"category": item["item_category3"], "item_list_id": "grid", "engagement_time_msec": 4_000}


def _several(rng: Random, visitor: str) -> dict[str, Any]:
    return {"items": [random_item(rng, visitor) for _ in range(rng.randint(1, 4))], "currency": "EUR"}


def _order(rng: Random, visitor: str) -> dict[str, Any]:
    return _several(rng, visitor) | {"transaction_id": f"t{rng.getrandbits(40)}", "value": 123.45}


def _promotion(rng: Random, visitor: str) -> dict[str, Any]:
    return {"tactic": rng.choice(_TACTICS), "promotion_id": "spring"}


def _plain(rng: Random, visitor: str) -> dict[str, Any]:
    return {"topic": "delivery", "engagement_time_msec": rng.randrange(30_000)}


_PROPERTIES: dict[str, Callable[[Random, str], dict[str, Any]]] = {
    "page_view": _list,
    "view_item_list": _list,
    "select_item": _items,
    "view_item": _view,
    "search": lambda rng, _: {"search_term": rng.choice(_WORDS)},
    "add_to_wishlist": _items,
    "add_to_cart": _items,
    "remove_from_cart": _items,
    "view_cart": _several,
    "begin_checkout": _several,
    "purchase": _order,
    "store_purchase": _order,
    "refund": lambda rng, visitor: {"transaction_id": "t1", "value": 20.0},
    "view_promotion": _promotion,
    "select_promotion": _promotion,
    "module_viewed": _promotion,
    "email_opened": _promotion,
    "email_clicked": _promotion,
    "share": _items,
    "social_engaged": _items,
    "tryon_started": _items,
    "return_completed": _items,
    "review_submitted": lambda rng, visitor: _items(rng, visitor) | {"rating": rng.randint(1, 5)},
    "consent_updated": lambda rng, _: {"purposes": {"personalization": rng.random() < 0.8, "ads": False}},
}
