"""Ids of visitors, items and records, and the versions made of them."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, NewType

from msgspec import Meta, Struct

from schemas.errors import InvalidEvent, InvalidToken

VisitorId = NewType("VisitorId", str)
ItemId = NewType("ItemId", str)

ID_PATTERN = r"^[\x21-\x7e]+$(?!\n)"
"""Printable ASCII without blanks; `$` alone would allow a line feed at the end, in Python."""

VISITOR_ID_MAX = 128
PlainId = Annotated[str, Meta(min_length=1, max_length=126, pattern=ID_PATTERN)]
"""A user's or a browser's id; with its `u:` or `a:` prefix at most 128 characters."""

ItemIdText = Annotated[str, Meta(min_length=1, max_length=128, pattern=ID_PATTERN)]


def visitor_id(user_id: str | None, anonymous_id: str | None) -> VisitorId:
    """Return the key of a visitor: `u:` and the user id if there is one, else `a:` and the anonymous id.

    Raises InvalidEvent when both are missing.
    """
    if user_id:
        return VisitorId("u:" + user_id)
    if anonymous_id:
        return VisitorId("a:" + anonymous_id)
    raise InvalidEvent("anonymous_id or user_id is required", reason="invalid")


class RecordId(Struct, frozen=True, order=True):
    """Where a record stands in its topic."""

    partition: int
    offset: int


class Version(Struct, frozen=True, order=True):
    """A visitor's state after the record at `offset`; opaque text to clients.

    Order is meaningful within one incarnation and partition only.
    """

    incarnation: int
    partition: int
    offset: int

    def text(self) -> str:
        """Return the opaque form for clients, which `parse` reads."""
        return f"{self.incarnation}.{self.partition}.{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Version:
        """Return the version of which `text` is the form; raises InvalidToken for any other text."""
        parts = text.split(".")
        if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) < 20 for p in parts):
            raise InvalidToken(f"not a token of this service: {text[:40]!r}")
        return cls(*(int(part) for part in parts))


def hash64(text: str) -> int:
    """Return a 64-bit hash (BLAKE2b) that is equal on every machine and in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def hash48(text: str) -> int:
    """Return the item key used in visitor states: 48 bits, so 100,000 items collide once in 56,000 shops."""
    return hash64(text) & 0xFFFF_FFFF_FFFF


def hash32(text: str) -> int:
    """Return the key of a category, brand, colour or size in visitor states."""
    return hash64(text) & 0xFFFF_FFFF
