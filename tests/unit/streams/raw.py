"""Records as the log hands them out, made by hand."""

from __future__ import annotations

from msgspec import Struct


class Raw(Struct):
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
