"""Reads the catalogue and the storefront that Kafka holds now, once and completely."""

from __future__ import annotations

from schemas.catalog import Item
from schemas.storefront import Section
from schemas.topics import CATALOG, STOREFRONT
from streams.kafka.compacted_reader import read_to_end
from streams.kafka.endpoint.cluster import Kafka
from streams.shop.inputs import ShopInputs
from streams.shop.publishing import StoredStorefront


async def read_items(kafka: Kafka, namespace: str) -> dict[str, Item]:
    """Return the catalogue sorted by id; raises StreamUnavailable when it cannot be read."""
    inputs = ShopInputs()
    inputs.apply(await read_to_end(kafka, CATALOG, namespace), namespace)
    items = inputs.items
    return {key: items[key] for key in sorted(items)}


async def read_storefront(kafka: Kafka, namespace: str) -> StoredStorefront:
    """Return the storefront's sections and the end of their topic; raises StreamUnavailable."""
    records = await read_to_end(kafka, STOREFRONT, namespace)
    inputs = ShopInputs()
    inputs.apply(records, namespace)
    return StoredStorefront(inputs.sections, 1 + max((record.offset for record in records), default=-1))


async def read_sections(kafka: Kafka, namespace: str) -> dict[str, Section]:
    """Return the storefront's sections by key; raises StreamUnavailable when they cannot be read."""
    return dict((await read_storefront(kafka, namespace)).sections)
