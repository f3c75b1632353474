from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.ids import VisitorId
from streams.kafka.partitioner import partition_of
from streams.workers.personalize.decoding import EventsTopic, decode_chunk, letter_of

EVENTS_TOPIC = EventsTopic("shop.events.v1", 4, 9)
ANN = partition_of(b"u:ann", 4)


def event(name: str = "page_view") -> bytes:
    body = {"event": name, "message_id": "m", "timestamp": "2026-01-01T00:00:00Z", "user_id": "ann"}
    return json.dumps(body).encode()


def record(offset: int, key: bytes | None, value: bytes | None) -> Any:
    return SimpleNamespace(
        key=key,
        value=value,
        offset=offset,
        partition=ANN,
        timestamp=1_700_000_000_123,
        headers=(("h", None),),
    )


def test_good_records_are_grouped_by_visitor_in_order() -> None:
    decoded = decode_chunk(
        EVENTS_TOPIC, ANN, [record(4, b"u:ann", event()), record(6, b"u:ann", event(name="wheel_spun"))]
    )
    (ann,) = decoded.by_visitor.values()
    assert list(decoded.by_visitor) == [VisitorId("u:ann")]
    assert [(r.offset, r.partition, r.arrival, r.incarnation) for r in ann] == [
        (4, ANN, 1_700_000_000.123, 9),
        (6, ANN, 1_700_000_000.123, 9),
    ]
    assert decoded.names == {"page_view": 1, "other": 1}
    assert not decoded.letters


@pytest.mark.parametrize(
    ("headers", "source"),
    [
        ((), 0),
        (None, 0),
        ((("h", None),), 0),
        ((("source", b"\0\1\2\3"),), 0x010203),
        ((("trace", b"abcd"), ("source", b"\xff" * 4)), 2**32 - 1),
        ((("source", None),), 0),
        ((("source", b""),), 0),
        ((("source", b"abcde"),), 0),
    ],
)
def test_the_source_is_what_the_header_says(headers: Any, source: int) -> None:
    """Old records, and those of direct producers, have none; no header makes a record bad."""
    given = record(4, b"u:ann", event())
    given.headers = headers
    (ann,) = decode_chunk(EVENTS_TOPIC, ANN, [given]).by_visitor.values()
    assert [r.source for r in ann] == [source]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"u:ann", None, "tombstone"),
        (b"u:ann", b"{", "invalid"),
        (b"u:ann", b"\xff\xfe", "invalid"),
        (b"u:ann", b" " * 40_000, "too_large"),
        (b"u:bob", event(), "key_mismatch"),
        (None, event(), "key_mismatch"),
    ],
)
def test_what_can_never_be_applied_gets_a_letter(key: bytes | None, value: bytes | None, reason: str) -> None:
    bad = record(5, key, value)
    decoded = decode_chunk(EVENTS_TOPIC, ANN, [bad, record(6, b"u:ann", event())])
    assert [letter.reason for letter in decoded.letters] == [reason]
    assert [r.offset for r in decoded.by_visitor[VisitorId("u:ann")]] == [6]


def test_a_record_on_the_wrong_partition_is_told_how_to_do_it_right() -> None:
    (letter,) = decode_chunk(EVENTS_TOPIC, (ANN + 1) % 4, [record(5, b"u:ann", event())]).letters
    assert letter.reason == "misplaced"
    assert "murmur2_random" in letter.detail


def test_a_letter_keeps_the_bytes_and_where_they_stood() -> None:
    letter = letter_of("shop.events.v1", record(5, b"\xff", b"\x00raw"), "invalid", "x" * 900)
    assert (letter.record_id, letter.key, letter.value) == (f"shop.events.v1/{ANN}/5", b"\xff", b"\x00raw")
    assert letter.headers == [("h", b"")]
    assert len(letter.detail) == 500
