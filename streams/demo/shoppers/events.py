"""Builds the events of a simulated shopper, as the demo page would post them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from schemas.layouts import Card, LayoutModule

EventBody = dict[str, Any]
"""One event as JSON will hold it."""


class EventFactory:
    """Makes the events of one shopper; message ids count up within the run, so none occurs twice."""

    def __init__(self, anonymous_id: str, run: str, now: Callable[[], datetime], device: str) -> None:
        """`run` names the run in message ids, `now` gives the events' timestamps."""
        self.anonymous_id = anonymous_id
        self._run, self._now, self._device = run, now, device
        self._count = 0

    def make(self, event: str, **fields: Any) -> EventBody:
        """Make an event of a GA4 name; `fields` may hold properties and the fields of a decision."""
        self._count += 1
        return {
            "message_id": f"{self._run}-{self.anonymous_id}-{self._count}",
            "event": event,
            "anonymous_id": self.anonymous_id,
            "timestamp": self._now().isoformat(),
            "context": {"device": self._device},
            **fields,
        }

    def make_for_item(self, event: str, item_id: str, card: Card, **fields: Any) -> EventBody:
        """Make an event about one product."""
        return self.make(event, properties={"items": [item_entry(item_id, card)]}, **fields)

    def make_impression(self, slot: str, module: LayoutModule) -> EventBody:
        """Make the event of a module that was visible."""
        return self.make("module_viewed", decision_id=module.decision_id, slot_id=slot, module_id=module.id)

    def make_purchase(self, lines: list[tuple[str, Card]], number: int) -> EventBody:
        """Make the purchase of one of each product; `number` makes the transaction's id."""
        items = [item_entry(item_id, card) for item_id, card in lines]
        value = round(sum(card.price for _, card in lines), 2)
        properties = {
            "transaction_id": f"{self._run}-{self.anonymous_id}-{number}", "items": items, "value": value,
        }  # fmt: skip
        return self.make("purchase", properties=properties)


def item_entry(item_id: str, card: Card) -> dict[str, Any]:
    """Return an entry of items[]: one piece of a product."""
    return {"item_id": item_id, "price": card.price, "quantity": 1}


def decision_fields(slot: str, module: LayoutModule, index: int) -> dict[str, Any]:
    """Return the fields by which a click is credited to the decision that showed the product."""
    return {
        "decision_id": module.decision_id, "slot_id": slot, "module_id": module.id, "index": index,
    }  # fmt: skip
