"""The catalogue and the storefront that stand in Kafka now, read whole, once."""

from __future__ import annotations

from schemas.catalog import Item
from schemas.storefront import Section
from schemas.topics import CATALOG, STOREFRONT, Topic
from streams.compacted import read_to_end
from streams.shop_inputs import ShopInputs


async def items_now(kafka: str, namespace: str) -> dict[str, Item]:
    """The catalogue by id, in order; StreamUnavailable when it cannot be read."""
    items = (await _inputs(kafka, CATALOG, namespace)).items
    return {key: items[key] for key in sorted(items)}


async def sections_now(kafka: str, namespace: str) -> dict[str, Section]:
    """The storefront's sections by key; StreamUnavailable when they cannot be read."""
    return (await _inputs(kafka, STOREFRONT, namespace)).sections


async def _inputs(kafka: str, topic: Topic, namespace: str) -> ShopInputs:
    inputs = ShopInputs()
    inputs.apply(await read_to_end(kafka, topic, namespace), namespace)
    return inputs
