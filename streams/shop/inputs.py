"""What a Shop is built from, as the followed topics tell it: items, storefront sections, crowd signals.

A record that does not decode is skipped and counted, never fatal: the last good one of its key stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct, field

from models.storefront.edition import Edition
from schemas.catalog import Item
from schemas.codec import DECODE_ERRORS
from schemas.ids import ItemId
from schemas.signals import Signal
from schemas.storefront import Section, section_key
from schemas.topics import CATALOG, ITEM_SIGNALS, STOREFRONT, Topic
from streams.kafka.compacted_reader import RawRecord, TopicPartition

FOLLOWED: tuple[Topic, ...] = (CATALOG, STOREFRONT, ITEM_SIGNALS)

_decode_item = msgspec.json.Decoder(Item).decode
_decode_section = msgspec.json.Decoder(Section).decode
_decode_signal = msgspec.json.Decoder(Signal).decode


class Skipped(Struct, frozen=True):
    """A record that could not be used, and why."""

    topic: Topic
    partition: int
    offset: int
    why: str


class Changes(Struct):
    """What moved since the last build."""

    items: bool = False
    sections: bool = False
    signals: set[ItemId] = field(default_factory=set)

    def __bool__(self) -> bool:
        return self.items or self.sections or bool(self.signals)


class ShopInputs(Struct, kw_only=True):
    """Grows with `apply`; `offsets` holds the next offset of each partition that records came from."""

    items: dict[ItemId, Item] = {}
    sections: dict[str, Section] = {}
    signals: dict[ItemId, Signal] = {}
    offsets: dict[str, int] = {}
    changes: Changes = field(default_factory=Changes)

    def apply(self, records: Iterable[RawRecord], namespace: str) -> list[Skipped]:
        """Take records in; those that cannot be used are given back."""
        topics = {topic.full_name(namespace): topic for topic in FOLLOWED}
        skipped = []
        for record in records:
            topic = topics[record.topic]
            self.offsets[f"{topic.name}/{record.partition}"] = record.offset + 1
            try:
                self._take(topic, record)
            except DECODE_ERRORS as exc:
                skipped.append(Skipped(topic, record.partition, record.offset, str(exc)))
        return skipped

    def _take(self, topic: Topic, record: RawRecord) -> None:
        key = _key_of(record)
        if topic is ITEM_SIGNALS:
            self._take_signal(ItemId(key), record.value)
        elif topic is CATALOG:
            self.changes.items |= _put(self.items, key, _value(_decode_item, record, key, _id_of_item))
        else:
            self.changes.sections |= _put(
                self.sections, key, _value(_decode_section, record, key, section_key)
            )

    def _take_signal(self, key: ItemId, value: bytes | None) -> None:
        if value is None:
            self.signals.pop(key, None)
        else:
            self.signals[key] = _decode_signal(value)
        self.changes.signals.add(key)

    def take_changes(self) -> Changes:
        """What moved since the last call."""
        changes, self.changes = self.changes, Changes()
        return changes

    @property
    def generation(self) -> int:
        """A number that rises with every record read, and is the same in processes that read as far.

        It is the sum of the next offsets of all followed partitions: no counter to keep, none to lose.
        """
        return sum(self.offsets.values())

    @property
    def edition(self) -> Edition:
        """How far storefront and catalogue were read."""
        return Edition(self._read_of(STOREFRONT), self._read_of(CATALOG))

    def _read_of(self, topic: Topic) -> int:
        return sum(end for place, end in self.offsets.items() if place.rpartition("/")[0] == topic.name)

    def resume(self, namespace: str) -> dict[TopicPartition, int]:
        """Where a new reader goes on."""
        places = {}
        for name, offset in self.offsets.items():
            topic, _, partition = name.rpartition("/")
            places[f"{namespace}.{topic}", int(partition)] = offset
        return places

    def copy(self) -> ShopInputs:
        """The same content for a builder in another thread; what it holds is immutable."""
        return ShopInputs(
            items=dict(self.items),
            sections=dict(self.sections),
            signals=dict(self.signals),
            offsets=dict(self.offsets),
        )


def _key_of(record: RawRecord) -> str:
    if record.key is None:
        raise ValueError("a record without a key")
    return record.key.decode()


def _id_of_item(item: Item) -> str:
    return item.item_id


def _value(decode: Any, record: RawRecord, key: str, name_of: Any) -> Any:
    """The decoded value, None for a tombstone; ValueError when it stands under another key than its own."""
    if record.value is None:
        return None
    value = decode(record.value)
    if name_of(value) != key:
        raise ValueError(f"its key says {key[:60]!r}, its body {name_of(value)[:60]!r}")
    return value


def _put(into: dict[Any, Any], key: str, value: object | None) -> bool:
    """Put or remove; whether that changed anything."""
    if value is None:
        return into.pop(key, None) is not None
    changed: bool = into.get(key) != value
    into[key] = value
    return changed
