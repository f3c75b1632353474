"""Records that no answer waits for are queued up to a bound, and written when Kafka is there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial

import httpx
import msgspec
import pytest

from schemas.decisions import Decision
from schemas.ids import VisitorId, hash64
from streams.gateway.events import outbox
from streams.gateway.events.event_log import MemoryLog
from streams.gateway.events.outbox import Outbox
from streams.kafka.batch_sending import Pair
from tests.unit.streams.gateway.house import House


class Counts:
    """Counts what an outbox reports."""

    def __init__(self) -> None:
        self.sent = 0
        self.dropped = 0

    def add_sent(self, count: int) -> None:
        self.sent += count

    def add_dropped(self) -> None:
        self.dropped += 1


async def test_what_waits_is_written_when_kafka_is_back() -> None:
    log, counts = MemoryLog(), Counts()
    box = Outbox("t", log, on_sent=counts.add_sent, on_dropped=counts.add_dropped)
    log.down = True
    box.put(b"a", b"1")
    box.put(b"b", b"2")
    await box.stop()
    assert (len(box), counts.sent) == (2, 0)
    log.down = False
    await box.stop()
    assert log.written["t"] == [(b"a", b"1"), (b"b", b"2")]
    assert (len(box), counts.sent, counts.dropped) == (0, 2, 0)


class BusyLog(MemoryLog):
    """While the first records are written, three more are queued; afterwards the outbox pauses for long."""

    box: Outbox

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.sizes: list[int] = []
        monkeypatch.setattr(outbox, "FLUSH_EVERY_S", 0)
        self.pause = partial(monkeypatch.setattr, outbox, "FLUSH_EVERY_S", 3600)

    async def write_all(self, topic: str, pairs: Iterable[Pair], *, within_s: float) -> None:
        self.sizes.append(len(list(pairs)))
        if len(self.sizes) == 1:
            self.pause()
            for value in (b"2", b"3", b"4"):
                self.box.put(b"a", value)


@pytest.mark.parametrize(("at_once", "sizes"), [(4, [1]), (3, [1, 3])])
async def test_what_comes_during_a_write_waits_unless_it_is_much(
    monkeypatch: pytest.MonkeyPatch, at_once: int, sizes: list[int]
) -> None:
    """Else a busy gateway writes without end, a few records in each request to Kafka."""
    monkeypatch.setattr(outbox, "FLUSH_RECORDS", at_once)
    log, counts = BusyLog(monkeypatch), Counts()
    log.box = Outbox("t", log, on_sent=counts.add_sent, on_dropped=counts.add_dropped)
    log.box.put(b"a", b"1")
    log.box.start()
    for _ in range(20):
        await asyncio.sleep(0)
    assert log.sizes == sizes
    await log.box.stop()
    assert (sum(log.sizes), counts.sent) == (4, 4)


async def test_the_newest_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "QUEUED_MAX", 2)
    log, counts = MemoryLog(), Counts()
    box = Outbox("t", log, on_sent=counts.add_sent, on_dropped=counts.add_dropped)
    for value in (b"1", b"2", b"3"):
        box.put(b"a", value)
    await box.stop()
    assert log.written["t"] == [(b"a", b"1"), (b"a", b"2")]
    assert counts.dropped == 1


async def test_decisions_of_a_sample_are_recorded(house: House, client: httpx.AsyncClient) -> None:
    ids = [VisitorId(f"a:{n}") for n in range(200)]
    chosen = min(ids, key=hash64)
    other = max(ids, key=hash64)
    for visitor in (chosen, other):
        await client.get("/v1/layouts/cart", params={"visitor": visitor})
    await house.gateway.decisions.outbox.stop()
    ((key, value),) = house.log.written["unit.decisions.v1"]
    assert key == chosen.encode()
    decision = msgspec.json.decode(value or b"", type=Decision)
    assert (decision.page, decision.visitor_id) == ("cart", chosen)


async def test_what_waits_has_a_bound_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "QUEUED_BYTES_MAX", 10)
    log, counts = MemoryLog(), Counts()
    box = Outbox("t", log, on_sent=counts.add_sent, on_dropped=counts.add_dropped)
    for value in (b"123456", b"1234567", b"1234"):
        box.put(b"a", value)
    assert (len(box), counts.dropped) == (2, 1)
    await box.stop()
    box.put(b"a", b"1234567890")
    assert (len(box), counts.dropped) == (1, 1), "what was written waits no longer"
