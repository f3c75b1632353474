"""Events of a simulated shopper, as the demo page would post them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from schemas.layouts import Card, LayoutModule

Act = dict[str, Any]


class Acts:
    """Makes one shopper's events; ids count up within the run, so no two are alike."""

    def __init__(self, anonymous_id: str, run: str, now: Callable[[], datetime], device: str) -> None:
        self.anonymous_id = anonymous_id
        self._run, self._now, self._device = run, now, device
        self._made = 0

    def act(self, event: str, **more: Any) -> Act:
        """One event; `more` may hold properties and the echo of a decision."""
        self._made += 1
        return {
            "message_id": f"{self._run}-{self.anonymous_id}-{self._made}",
            "event": event,
            "anonymous_id": self.anonymous_id,
            "timestamp": self._now().isoformat(),
            "context": {"device": self._device},
            **more,
        }

    def about(self, event: str, item_id: str, card: Card, **more: Any) -> Act:
        """An event about one product."""
        return self.act(event, properties={"items": [line(item_id, card)]}, **more)

    def impression(self, slot: str, module: LayoutModule) -> Act:
        return self.act("module_viewed", decision_id=module.decision_id, slot_id=slot, module_id=module.id)

    def order(self, lines: list[tuple[str, Card]], number: int) -> Act:
        """A purchase of one of each."""
        items = [line(item_id, card) for item_id, card in lines]
        value = round(sum(card.price for _, card in lines), 2)
        properties = {
            "transaction_id": f"{self._run}-{self.anonymous_id}-{number}", "items": items, "value": value,
        }  # fmt: skip
        return self.act("purchase", properties=properties)


def line(item_id: str, card: Card) -> dict[str, Any]:
    """An entry of items[]."""
    return {"item_id": item_id, "price": card.price, "quantity": 1}


def echo(slot: str, module: LayoutModule, index: int) -> dict[str, Any]:
    """Where a product stood: the echo that lets a click be credited to the decision that showed it."""
    return {
        "decision_id": module.decision_id, "slot_id": slot, "module_id": module.id, "index": index,
    }  # fmt: skip
