"""A shop that has no products gets the demo's; one that has its own is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from schemas.topics import CATALOG, STOREFRONT, Topic
from streams.kafka.compacted_reader import read_to_end
from streams.runtime.settings import Settings

Run = Callable[..., str]
"""Runs one command of ours: its words in, its output back."""


def stock(settings: Settings, folder: Path, run: Run) -> None:
    """Push the demo catalogue, and the packaged storefront, where there is none yet."""
    if _empty(settings, CATALOG):
        products = folder / "catalogue.ndjson"
        run("demo", "catalogue", str(products), "--force")
        run("catalog", "push", str(products))
    if _empty(settings, STOREFRONT):
        document = folder / "storefront.json"
        document.write_text(run("storefront", "default"))
        run("storefront", "push", str(document))


def _empty(settings: Settings, topic: Topic) -> bool:
    assert settings.kafka is not None  # up knows it by now
    records = asyncio.run(read_to_end(settings.kafka, topic, settings.namespace))
    return not any(record.value for record in records)
