"""Five items with signals, and short ways to read rows, for the tests of the catalogue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from models.catalog.table import ItemTable
from schemas.catalog import Item
from schemas.ids import ItemId
from schemas.signals import Neighbour, Signal

NOW = datetime(2026, 1, 10, tzinfo=UTC)
AT = NOW.timestamp()


def item(item_id: str, price: float, kind: str = "sneakers", **more: object) -> Item:
    known: dict[str, object] = {
        "title": f"Nice {kind} {item_id}",
        "categories": ["women", "shoes", kind],
        "created_at": NOW - timedelta(days=int(price)),
    }
    return Item(item_id=item_id, price=price, **{**known, **more})  # type: ignore[arg-type]


def signal(item_id: str, **more: object) -> Signal:
    return Signal(item_id=ItemId(item_id), at=AT, delta_offset=0, **more)  # type: ignore[arg-type]


CATALOGUE = [
    item("c", 50, brand="Acme"),
    item("a", 20, brand="Acme", colour="red"),
    item("b", 30),
    item("d", 60, "boots", brand="Zeta"),
    item("e", 40, stock=0),
]
SIGNALS = {
    ItemId("a"): signal("a", trend=4.0, popularity=9.0, co_viewed=[Neighbour(ItemId("c"), 3.0)]),
    ItemId("c"): signal("c", trend=8.0, popularity=5.0, co_bought=[Neighbour(ItemId("gone"), 3.0)]),
    ItemId("e"): signal("e", trend=99.0, popularity=99.0),
    ItemId("gone"): signal("gone", trend=99.0),
}


def ids(table: ItemTable, rows: NDArray[np.int32]) -> str:
    """The one-letter ids of some rows, in their order."""
    return "".join(table.ids[row] for row in rows)
