"""The last Shop's inputs on disk, for a start while Kafka is away."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from schemas.catalog import Item
from schemas.codec import DECODE_ERRORS
from schemas.ids import ItemId
from schemas.signals import Signal
from schemas.storefront import Section, section_key
from streams.runtime.telemetry.logs import logger
from streams.shop.inputs import ShopInputs

log = logger("shop")

FORMAT = 1


class Saved(Struct, frozen=True, kw_only=True):
    """The file: msgpack. Another `format` or `namespace` is not used."""

    format: int
    namespace: str
    offsets: dict[str, int]
    items: list[Item]
    sections: list[Section]
    signals: list[Signal]


def save_inputs(path: str | Path, inputs: ShopInputs, namespace: str) -> None:
    """Replace the file in one step; a failure is logged, for serving goes on without it."""
    saved = Saved(
        format=FORMAT,
        namespace=namespace,
        offsets=inputs.offsets,
        items=list(inputs.items.values()),
        sections=list(inputs.sections.values()),
        signals=list(inputs.signals.values()),
    )
    target = Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(msgspec.msgpack.encode(saved))
        draft.replace(target)
    except OSError as exc:
        log.warning("shop cache not saved", path=str(path), error=str(exc))


def load_inputs(path: str | Path, namespace: str) -> ShopInputs | None:
    """What was saved; None when there is nothing that can be used (said in the log)."""
    try:
        saved = msgspec.msgpack.decode(Path(path).read_bytes(), type=Saved)
    except FileNotFoundError:
        return None
    except (OSError, *DECODE_ERRORS) as exc:
        log.warning("shop cache not usable", path=str(path), error=str(exc))
        return None
    if saved.format != FORMAT or saved.namespace != namespace:
        log.warning("shop cache is of another format or namespace", path=str(path))
        return None
    return ShopInputs(
        items={ItemId(item.item_id): item for item in saved.items},
        sections={section_key(section): section for section in saved.sections},
        signals={signal.item_id: signal for signal in saved.signals},
        offsets=saved.offsets,
    )
