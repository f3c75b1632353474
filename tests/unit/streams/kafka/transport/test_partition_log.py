"""What the consumer's thread raises becomes a word of ours, or stays the defect that it is."""

from __future__ import annotations

import asyncio

import pytest

from schemas.errors import StreamUnavailable
from streams.kafka.transport.partition_log import _translated


def test_a_consumer_that_has_ended_is_no_defect() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(StreamUnavailable, match="has ended"), _translated():
        loop.call_soon_threadsafe(print)


def test_other_runtime_errors_stay() -> None:
    with pytest.raises(RuntimeError, match="something else"), _translated():
        raise RuntimeError("something else")
