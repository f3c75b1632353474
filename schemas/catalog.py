"""Catalogue items, one per key on `catalog.v1`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from schemas.events import Label, Money, Text
from schemas.ids import ItemIdText

Stock = Annotated[int, Meta(ge=0, le=10_000_000)]


class Item(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One product. `categories` runs from the department down, e.g. ["women", "shoes", "sneakers"]."""

    item_id: ItemIdText
    title: Label
    categories: Annotated[list[Label], Meta(min_length=1, max_length=5)]
    price: Money
    brand: Label | None = None
    list_price: Money | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = "EUR"
    colour: Label | None = None
    sizes: Annotated[list[Label], Meta(max_length=50)] = []
    stock: Stock = 1
    image: Text | None = None
    url: Text | None = None
    created_at: Annotated[datetime, Meta(tz=True)] | None = None
    tags: Annotated[list[Label], Meta(max_length=50)] = []
    margin: Annotated[float, Meta(ge=-1, le=1)] | None = None

    @property
    def category(self) -> str:
        """The finest category, the one for which visitors have an affinity."""
        return self.categories[-1]
