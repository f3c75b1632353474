"""The catalogue and the storefront that stand in Kafka now, read whole, once."""

from __future__ import annotations

from schemas.catalog import Item
from schemas.storefront import Section
from schemas.topics import CATALOG, STOREFRONT
from streams.kafka.compacted_reader import read_to_end
from streams.shop.inputs import ShopInputs
from streams.shop.publishing import StoredStorefront


async def items_now(kafka: str, namespace: str) -> dict[str, Item]:
    """The catalogue by id, in order; StreamUnavailable when it cannot be read."""
    inputs = ShopInputs()
    inputs.apply(await read_to_end(kafka, CATALOG, namespace), namespace)
    items = inputs.items
    return {key: items[key] for key in sorted(items)}


async def storefront_now(kafka: str, namespace: str) -> StoredStorefront:
    """The storefront's sections and where their topic ends; StreamUnavailable when they cannot be read."""
    records = await read_to_end(kafka, STOREFRONT, namespace)
    inputs = ShopInputs()
    inputs.apply(records, namespace)
    return StoredStorefront(inputs.sections, 1 + max((record.offset for record in records), default=-1))


async def sections_now(kafka: str, namespace: str) -> dict[str, Section]:
    """The storefront's sections by key; StreamUnavailable when they cannot be read."""
    return dict((await storefront_now(kafka, namespace)).sections)
