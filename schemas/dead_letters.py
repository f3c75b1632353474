"""Dead letters: records on `dead-letters.v1` that hold a record which cannot be applied, and the reason."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

DeadLetterReason = Literal[
    "invalid",  # does not decode to an event
    "tombstone",  # no value
    "too_large",  # over 32 KiB
    "key_mismatch",  # the key is not the visitor of the body
    "misplaced",  # on a partition the Java partitioner would not choose
    "fold_failed",  # a defect of ours: kept for the day it is mended
]


class DeadLetter(Struct, frozen=True, kw_only=True):
    """`record_id` is topic, partition, offset; a crash may repeat a letter: compare by it."""

    record_id: str
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    reason: DeadLetterReason
    detail: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = []
    schema_version: int = 1
