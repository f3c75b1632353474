"""Raw records into events by visitor, and dead letters for those that can never be applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field

from models.visitor.state import EventRecord
from schemas.codec import decode_event
from schemas.dead_letters import DeadLetter, DeadLetterReason
from schemas.errors import InvalidEvent
from schemas.events import Event, OtherEvent
from schemas.ids import VisitorId
from schemas.sources import read_source
from streams.kafka.partitioner import partition_of
from streams.kafka.transport.chunks import Record

DETAIL_MAX = 500
MISPLACED_HINT = (
    "use the Java client's partitioner; in librdkafka set partitioner=murmur2_random (its default is another)"
)


class EventsTopic(Struct, frozen=True):
    """The topic that records are read from: full name, partition count, incarnation."""

    topic: str
    partitions: int
    incarnation: int


class DecodedChunk(Struct):
    """Events grouped by visitor, in the order of their records; dead letters; how many of each event name."""

    by_visitor: dict[VisitorId, list[EventRecord]] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)


def decode_chunk(events_topic: EventsTopic, partition: int, records: Sequence[Record]) -> DecodedChunk:
    """Decode each record once; a record that is wrong by itself becomes a dead letter.

    Args:
        events_topic: the topic they were read from.
        partition: whose records these are.
        records: raw, by ascending offset.

    Returns:
        Every record, in `by_visitor` or in `letters`. O(records), no I/O; never raises for bad bytes.
    """
    decoded = DecodedChunk()
    by_visitor, names = decoded.by_visitor, decoded.names
    for record in records:
        try:
            event = decode_event(record.value)
            visitor = event.visitor
            _check_key(record.key, visitor, partition, events_topic.partitions)
        except InvalidEvent as exc:
            reason: Any = exc.reason
            decoded.letters.append(letter_of(events_topic.topic, record, reason, str(exc)))
            continue
        names[name_of(event)] += 1
        source = read_source(record.headers) if record.headers else 0
        entry = EventRecord(
            event, partition, record.offset, record.timestamp / 1000, events_topic.incarnation, source
        )
        if visitor in by_visitor:
            by_visitor[visitor].append(entry)
        else:
            by_visitor[visitor] = [entry]
    return decoded


def _check_key(key: bytes | None, visitor: VisitorId, partition: int, partitions: int) -> None:
    if key != visitor.encode():
        raise InvalidEvent("the record's key is not the visitor of its body", reason="key_mismatch")
    should = partition_of(key, partitions)
    if should != partition:
        raise InvalidEvent(f"belongs on partition {should}: {MISPLACED_HINT}", reason="misplaced")


def name_of(event: Event) -> str:
    """The event's name for metrics: one of the closed list, else `other`."""
    return "other" if isinstance(event, OtherEvent) else str(type(event).__struct_config__.tag)


def letter_of(topic: str, record: Record, reason: DeadLetterReason, detail: str) -> DeadLetter:
    """The dead letter of a record: its bytes untouched, where it stood and why it can never be applied."""
    return DeadLetter(
        record_id=f"{topic}/{record.partition}/{record.offset}",
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        reason=reason,
        detail=detail[:DETAIL_MAX],
        key=record.key,
        value=record.value,
        headers=[(name, value or b"") for name, value in record.headers or ()],
    )
