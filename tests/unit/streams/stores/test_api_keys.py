"""Keys that cannot be read are told once, however often they are read."""

from __future__ import annotations

from typing import Any

import msgspec
from structlog.testing import capture_logs

from schemas.api_keys import issue_key
from streams.stores.api_keys import UnreadableKeys, read_api_keys
from streams.stores.keys import Keys

GOOD = msgspec.json.encode(issue_key("server", now=0)[0])
CANARY = "vs_s3cret-canary"


class Stored:
    """A connection to a Redis that holds these records."""

    def __init__(self) -> None:
        self.records = [GOOD]

    async def call(self, *_: Any) -> list[bytes]:
        return self.records


async def told(stored: Any, unreadable: UnreadableKeys, times: int = 3) -> list[str]:
    """What is logged while keys are read again and again."""
    with capture_logs() as lines:
        for _ in range(times):
            assert len(await read_api_keys(stored, Keys("unit"), unreadable) or ()) == 1
    assert CANARY not in str(lines)
    return [line["event"] for line in lines]


async def test_an_unreadable_key_is_told_once_and_again_when_it_changes_or_is_gone() -> None:
    stored, unreadable = Stored(), UnreadableKeys()
    assert await told(stored, unreadable) == []
    stored.records = [GOOD, b"garbage"]
    assert await told(stored, unreadable) == ["skipping API key"]
    stored.records = [GOOD, b"garbage", b'{"id": 1, "secret": "%s"}' % CANARY.encode()]
    assert await told(stored, unreadable) == ["skipping API key"]
    stored.records = [b"other garbage", GOOD]
    assert sorted(await told(stored, unreadable)) == [
        "skipping API key", "unreadable API key is gone", "unreadable API key is gone",
    ]  # fmt: skip
    stored.records = [GOOD]
    assert await told(stored, unreadable) == ["unreadable API key is gone"]
    stored.records = [GOOD, b"other garbage"]
    assert await told(stored, unreadable) == ["skipping API key"]
