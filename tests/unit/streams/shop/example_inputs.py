"""Inputs of a Shop with one item, one section and one signal, and the records they come from."""

from __future__ import annotations

from schemas.catalog import Item
from schemas.codec import encode
from schemas.ids import ItemId
from schemas.signals import Neighbour, Signal
from schemas.storefront import ModuleDef, section_key
from schemas.topics import CATALOG, ITEM_SIGNALS, STOREFRONT, Topic
from streams.shop.inputs import ShopInputs
from tests.unit.streams.raw import Raw

NS = "shop"
ITEM = Item(item_id="a", title="A", categories=["x"], price=3.0)
MODULE = ModuleDef(id="m", type="trending", title="T")
SIGNAL = Signal(
    item_id=ItemId("a"), at=5.0, delta_offset=9, trend=1.0, co_viewed=[Neighbour(ItemId("b"), 2.0)]
)


def raw(topic: Topic, offset: int, key: str | None, value: bytes | None, partition: int = 0) -> Raw:
    return Raw(topic.full_name(NS), partition, offset, None if key is None else key.encode(), value)


def fill_inputs() -> ShopInputs:
    inputs = ShopInputs()
    skipped = inputs.apply(
        [
            raw(CATALOG, 4, "a", encode(ITEM)),
            raw(STOREFRONT, 7, section_key(MODULE), encode(MODULE)),
            raw(ITEM_SIGNALS, 2, "a", encode(SIGNAL), partition=3),
        ],
        NS,
    )
    assert skipped == []
    return inputs
