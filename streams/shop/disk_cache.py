"""Keeps the inputs of the last Shop on disk, so that a process can start while Kafka is away."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from models.catalog.signals.packed import PackedSignals
from schemas.catalog import Item
from schemas.codec import DECODE_ERRORS
from schemas.ids import ItemId
from schemas.storefront import Section, section_key
from streams.runtime.telemetry.logs import logger
from streams.shop.inputs import ShopInputs

log = logger("shop")

FORMAT = 2


class CachedInputs(Struct, frozen=True, kw_only=True):
    """Content of the cache file, as msgpack; a file of another `format` or `namespace` is ignored."""

    format: int
    namespace: str
    offsets: dict[str, int]
    items: list[Item]
    sections: list[Section]
    signals: list[bytes]


def save_inputs(path: str | Path, inputs: ShopInputs, namespace: str) -> None:
    """Replace the cache file in one step.

    Args:
        path: The cache file; missing folders are created.
        inputs: What to save. They must not change meanwhile.
        namespace: Whose inputs these are.

    A file that cannot be written is logged, never raised: serving does not depend on the cache.
    """
    cached = CachedInputs(
        format=FORMAT,
        namespace=namespace,
        offsets=inputs.offsets,
        items=list(inputs.items.values()),
        sections=list(inputs.sections.values()),
        signals=inputs.signals.pack(),
    )
    target = Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(msgspec.msgpack.encode(cached))
        draft.replace(target)
    except OSError as exc:
        log.warning("shop cache write failure", path=str(path), error=str(exc))


def load_inputs(path: str | Path, namespace: str) -> ShopInputs | None:
    """Load the inputs that `save_inputs` wrote.

    Args:
        path: The cache file.
        namespace: Whose inputs are wanted.

    Returns:
        The inputs, without pending changes; None when there is no file, or it cannot be used (logged).
    """
    try:
        cached = msgspec.msgpack.decode(Path(path).read_bytes(), type=CachedInputs)
        signals = PackedSignals.unpack(cached.signals)
    except FileNotFoundError:
        return None
    except (OSError, *DECODE_ERRORS) as exc:
        log.warning("shop cache read failure", path=str(path), error=str(exc))
        return None
    if cached.format != FORMAT or cached.namespace != namespace:
        log.warning("ignoring shop cache", path=str(path), error="another format or namespace")
        return None
    return ShopInputs(
        items={ItemId(item.item_id): item for item in cached.items},
        sections={section_key(section): section for section in cached.sections},
        signals=signals,
        offsets=cached.offsets,
    )
