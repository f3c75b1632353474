"""A TLS connection may take 30 s to close: nobody waits for that, and what was sent is flushed before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest

from streams.kafka import producer as module
from streams.kafka.compacted_reader import CompactedReader
from streams.kafka.producer import open_producer
from streams.kafka.transport.loop_client import LoopClient
from tests.unit.streams.kafka.fake_producer import FakeProducer

LONG_S = 10
"""Less than a connection takes that is waited for, more than each bound."""


class NeverCloses:
    async def stop(self) -> None:
        await asyncio.Event().wait()


async def close_reader() -> None:
    reader = CompactedReader("k:1", ["t"])
    reader._consumer = NeverCloses()
    await reader.stop()


async def close_producer() -> None:
    async with open_producer("k:1"):
        pass


async def close_group_member() -> None:
    await LoopClient.on_stop(SimpleNamespace(_consumer=NeverCloses()))  # type: ignore[arg-type]  # all it reads


@pytest.mark.parametrize("close", [close_reader, close_producer, close_group_member])
async def test_a_connection_that_does_not_close_is_left(
    close: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = FakeProducer()
    hanging.hangs = True
    monkeypatch.setattr(module, "AIOKafkaProducer", lambda **_: hanging)
    async with asyncio.timeout(LONG_S):
        await close()


async def test_what_was_sent_is_written_before_a_producer_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = FakeProducer()
    flushed_before: list[bool] = []

    async def flush() -> None:
        flushed_before.append(not producer.stopped)

    producer.flush = flush  # type: ignore[method-assign]  # to see when it is called
    monkeypatch.setattr(module, "AIOKafkaProducer", lambda **_: producer)
    async with open_producer("k:1"):
        pass
    assert flushed_before == [True]
    assert producer.stopped
