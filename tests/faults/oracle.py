"""The oracle: the log read back, folded by `models` alone, held against Redis byte for byte.

It shares with the worker only what the contract shares: decode, partition, fold, pack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import redis
from confluent_kafka import Consumer, KafkaError, TopicPartition

from models.visitor.fold import fold
from models.visitor.packing import pack, unpack
from models.visitor.state import EMPTY, EventRecord, VisitorState
from schemas.codec import decode_event
from schemas.dead_letters import DeadLetter
from schemas.errors import InvalidEvent
from schemas.ids import RecordId, VisitorId
from streams.kafka.partitioner import partition_of
from streams.stores.keys import Keys


@dataclass
class Truth:
    """What the log alone says: each visitor's state, and the records that can never be applied."""

    states: dict[VisitorId, VisitorState] = field(default_factory=dict)
    buried: set[RecordId] = field(default_factory=set)
    records: int = 0


def read_back(kafka: str, topic: str) -> Iterator[Any]:
    """Every record of a topic, partition by partition, up to the end it has when it is reached."""
    consumer = Consumer({
        "bootstrap.servers": kafka, "group.id": "oracle", "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "enable.partition.eof": True,
    })  # fmt: skip
    try:
        for partition in consumer.list_topics(topic, timeout=20).topics[topic].partitions:
            consumer.assign([TopicPartition(topic, partition, 0)])
            yield from _to_its_end(consumer)
    finally:
        consumer.close()


def _to_its_end(consumer: Consumer) -> Iterator[Any]:
    """The last offset need not be a record's: a transaction ends with a marker that nobody gets."""
    while True:
        for message in consumer.consume(2000, timeout=0.2):
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                return
            else:
                raise AssertionError(error)


def read_dead_letters(kafka: str, topic: str) -> Iterator[tuple[bytes, DeadLetter]]:
    """Every dead letter with the key of its record; a crash may have repeated some."""
    for message in read_back(kafka, topic):
        yield message.key(), msgspec.json.decode(message.value(), type=DeadLetter)


def fold_log(kafka: str, topic: str, partitions: int, incarnation: int) -> Truth:
    """The truth of the whole log."""
    truth = Truth()
    for message in read_back(kafka, topic):
        truth.records += 1
        partition, offset = message.partition(), message.offset()
        arrival = message.timestamp()[1] / 1000
        event = _decode(message, partitions)
        if event is None:
            truth.buried.add(RecordId(partition, offset))
            continue
        record = EventRecord(
            event=event, partition=partition, offset=offset, arrival=arrival, incarnation=incarnation
        )
        truth.states[event.visitor] = fold(truth.states.get(event.visitor, EMPTY), record)
    return truth


def _decode(message: Any, partitions: int) -> Any:
    try:
        event = decode_event(message.value())
    except InvalidEvent:
        return None
    key = message.key()
    if key != event.visitor.encode() or partition_of(key, partitions) != message.partition():
        return None
    return event


def stored_states(url: str, namespace: str) -> dict[VisitorId, bytes]:
    """Every packed state in Redis with its window, by visitor; a visitor on two partitions is an error.

    No window is over: a run is shorter than the hour for which one is needed.
    """
    client: Any = redis.Redis.from_url(url)
    found = _values(client, f"s:{{{namespace}.*")
    for visitor, window in _values(client, f"m:{{{namespace}.*").items():
        found[visitor] = found.get(visitor, b"") + window
    client.close()
    return found


def _values(client: Any, pattern: str) -> dict[VisitorId, bytes]:
    found: dict[VisitorId, bytes] = {}
    keys = list(client.scan_iter(match=pattern, count=5000))
    for start in range(0, len(keys), 2000):
        part = keys[start : start + 2000]
        for key, value in zip(part, client.mget(part), strict=True):
            visitor = VisitorId(key.decode().split("}:", 1)[1])
            assert visitor not in found, f"{visitor} has two states"
            found[visitor] = value
    return found


def differences(truth: Truth, stored: Mapping[VisitorId, bytes], *, most: int = 5) -> list[str]:
    """What Redis says otherwise than the log, in words; empty when they agree byte for byte."""
    wrong = []
    for visitor in sorted({*truth.states, *stored}):
        expected = truth.states.get(visitor)
        raw = stored.get(visitor)
        if expected is None or raw is None:
            wrong.append(f"{visitor}: {'not in the log' if expected is None else 'not in Redis'}")
        elif pack(expected) != raw:
            wrong.append(f"{visitor}: " + _fields(expected, unpack(raw)))
    return [f"{len(wrong)} of {len(truth.states)} visitors differ", *wrong[:most]] if wrong else []


def _fields(expected: VisitorState, got: VisitorState) -> str:
    names = [n for n in expected.__struct_fields__ if getattr(expected, n) != getattr(got, n)]
    return "; ".join(f"{n}: log {getattr(expected, n)!r}, Redis {getattr(got, n)!r}" for n in names[:4])


def done_offsets(url: str, namespace: str, partitions: int) -> list[int]:
    """`done` of each partition, 0 where there is none."""
    client: Any = redis.Redis.from_url(url)
    keys = Keys(namespace)
    values = [int(client.hget(keys.own(p), "done") or 0) for p in range(partitions)]
    client.close()
    return values
