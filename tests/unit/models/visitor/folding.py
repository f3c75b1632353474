"""Short ways to say "this visitor did that" in the tests of fold."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from models.visitor.fold import fold
from models.visitor.state import EMPTY, EventRecord, VisitorState
from schemas.codec import decode_event, encode

MORNING = int(datetime(2026, 3, 4, 9, 0, tzinfo=UTC).timestamp())
MINUTE = 60
HOUR = 3_600
DAY = 86_400

SNEAKER = {
    "item_id": "sneaker", "item_brand": "Arvo", "item_category": "women", "item_category2": "sneakers",
    "colour": "white", "size": "39", "price": 59.95,
}  # fmt: skip
BOOT = SNEAKER | {"item_id": "boot", "item_category2": "boots", "item_brand": "Belka", "price": 120.0}
LAMP = {"item_id": "lamp", "item_category": "lamps", "price": 30.0}


def act(name: str, *items: dict[str, Any], at: float = 0, envelope: Any = None, **properties: Any) -> Any:
    """An event `at` seconds after MORNING, as JSON fields."""
    return {
        "event": name,
        "anonymous_id": "somebody",
        "timestamp": datetime.fromtimestamp(MORNING + at, UTC).isoformat(),
        "properties": ({"items": list(items)} if items else {}) | properties,
    } | (envelope or {})


def after(acts: Iterable[dict[str, Any]], state: VisitorState = EMPTY, late: float = 0) -> VisitorState:
    """The state after these acts, each with its own message id, arriving `late` seconds after its time."""
    for body in acts:
        offset = state.offset + 1
        event = decode_event(encode({"message_id": f"m{offset}"} | body))
        arrival = event.timestamp.timestamp() + late
        state = fold(state, EventRecord(event, 0, offset, arrival, 1))
    return state


def fold_at_arrival(body: dict[str, Any], state: VisitorState, arrival: float) -> VisitorState:
    """The state after one act that arrived at this second after MORNING."""
    event = decode_event(encode({"message_id": f"m{state.offset + 1}"} | body))
    return fold(state, EventRecord(event, 0, state.offset + 1, MORNING + arrival, 1))
