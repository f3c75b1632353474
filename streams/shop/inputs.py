"""Collects the records a Shop is built from: catalogue items, storefront sections and crowd signals.

A record that cannot be decoded is skipped and reported; the last valid record of its key stays in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct, field

from models.catalog.signals.packed import PackedSignals
from models.storefront.edition import Edition
from schemas.catalog import Item
from schemas.codec import DECODE_ERRORS
from schemas.ids import ItemId
from schemas.signals import Signal
from schemas.storefront import Section, section_key
from schemas.topics import CATALOG, ITEM_SIGNALS, STOREFRONT, Topic
from streams.kafka.compacted_reader import RawRecord, TopicPartition

FOLLOWED_TOPICS: tuple[Topic, ...] = (CATALOG, STOREFRONT, ITEM_SIGNALS)
"""The compacted topics a Shop is built from; each process keeps reading them."""

_decode_item = msgspec.json.Decoder(Item).decode
_decode_section = msgspec.json.Decoder(Section).decode
_decode_signal = msgspec.json.Decoder(Signal).decode


class SkippedRecord(Struct, frozen=True):
    """A record that could not be used, and the reason."""

    topic: Topic
    partition: int
    offset: int
    error: str


class InputChanges(Struct):
    """Which inputs changed since the last build; false when none did."""

    items: bool = False
    sections: bool = False
    signals: set[ItemId] = field(default_factory=set)

    @classmethod
    def full(cls) -> InputChanges:
        """Forces a full build, which reads all signals too."""
        return cls(items=True, sections=True)

    def __bool__(self) -> bool:
        return self.items or self.sections or bool(self.signals)


class ShopInputs(Struct, kw_only=True):
    """The latest value of each key of the followed topics; changed by `apply` alone.

    Attributes:
        items: Catalogue by item id.
        sections: Storefront sections by record key.
        signals: Crowd signals by item id.
        offsets: Next offset to read by `topic/partition` (topic without namespace), for each partition that
            records came from.
        changes: Changes since the last `pop_changes`.
    """

    items: dict[ItemId, Item] = {}
    sections: dict[str, Section] = {}
    signals: PackedSignals = field(default_factory=PackedSignals)
    offsets: dict[str, int] = {}
    changes: InputChanges = field(default_factory=InputChanges)

    def apply(self, records: Iterable[RawRecord], namespace: str) -> list[SkippedRecord]:
        """Apply records of the followed topics in order.

        Args:
            records: Of FOLLOWED_TOPICS under `namespace`; a None value removes the key.
            namespace: Prefix of the topic names.

        Returns:
            The records that could not be used; their offsets count as read.
        """
        topics = {topic.full_name(namespace): topic for topic in FOLLOWED_TOPICS}
        skipped = []
        for record in records:
            topic = topics[record.topic]
            self.offsets[f"{topic.name}/{record.partition}"] = record.offset + 1
            try:
                self._apply_record(topic, record)
            except DECODE_ERRORS as exc:
                skipped.append(SkippedRecord(topic, record.partition, record.offset, str(exc)))
        return skipped

    def _apply_record(self, topic: Topic, record: RawRecord) -> None:
        key = _record_key(record)
        if topic is ITEM_SIGNALS:
            self._apply_signal(ItemId(key), record.value)
        elif topic is CATALOG:
            item = _decode_value(record, key, _decode_item, _item_key)
            self.changes.items |= _set_or_remove(self.items, key, item)
        else:
            section = _decode_value(record, key, _decode_section, section_key)
            self.changes.sections |= _set_or_remove(self.sections, key, section)

    def _apply_signal(self, key: ItemId, value: bytes | None) -> None:
        if value is None:
            self.signals.pop(key, None)
        else:
            self.signals[key] = _decode_signal(value)
        self.changes.signals.add(key)

    def pop_changes(self) -> InputChanges:
        """Return the changes since the last call, and start again with none."""
        changes, self.changes = self.changes, InputChanges()
        return changes

    @property
    def generation(self) -> int:
        """A number that rises with every record read, equal in processes that read equally far.

        It is the sum of the next offsets of all followed partitions, so that no counter has to be stored.
        """
        return sum(self.offsets.values())

    @property
    def edition(self) -> Edition:
        """How far storefront and catalogue were read."""
        return Edition(self._records_read(STOREFRONT), self._records_read(CATALOG))

    def _records_read(self, topic: Topic) -> int:
        return sum(
            end for partition, end in self.offsets.items() if partition.rpartition("/")[0] == topic.name
        )

    def resume_offsets(self, namespace: str) -> dict[TopicPartition, int]:
        """Return the offsets at which a new reader continues, by full topic name and partition."""
        offsets = {}
        for name, offset in self.offsets.items():
            topic, _, partition = name.rpartition("/")
            offsets[f"{namespace}.{topic}", int(partition)] = offset
        return offsets


def _record_key(record: RawRecord) -> str:
    if record.key is None:
        raise ValueError("a record without a key")
    return record.key.decode()


def _item_key(item: Item) -> str:
    return item.item_id


def _decode_value(
    record: RawRecord, key: str, decode: Callable[[bytes], Any], key_of: Callable[[Any], str]
) -> Any:
    """Return the decoded value, None for a tombstone; raises ValueError when its own key is not `key`."""
    if record.value is None:
        return None
    value = decode(record.value)
    if key_of(value) != key:
        raise ValueError(f"its key says {key[:60]!r}, its body {key_of(value)[:60]!r}")
    return value


def _set_or_remove(into: dict[Any, Any], key: str, value: object | None) -> bool:
    """Store the value, or remove the key when it is None; returns whether that changed anything."""
    if value is None:
        return into.pop(key, None) is not None
    changed: bool = into.get(key) != value
    into[key] = value
    return changed
