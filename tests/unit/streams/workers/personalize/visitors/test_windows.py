"""The worker and windows: what it writes of them, when they go, and what becomes of those it cannot read."""

from __future__ import annotations

from typing import Any

import pytest

from models.visitor.fold import fold_packed, split_window
from models.visitor.packing import unpack
from models.visitor.state import EventRecord
from models.visitor.state_fields import WINDOW_ENTRY, WINDOW_IDS_MAX, WINDOW_VERSION
from schemas.codec import decode_event, encode
from schemas.errors import UnknownVersion
from schemas.ids import VisitorId
from streams.stores.protocols import Claim, SliceWrite, WriteOutcome
from streams.workers.group.ownership import Holding
from streams.workers.personalize.visitors import window_ends as ends_module
from streams.workers.personalize.visitors.visitor_cache import BYTES_EACH, CachedVisitor, VisitorCache
from streams.workers.personalize.visitors.window_ends import ENDED_AT_ONCE, SLACK_MINUTES, WindowEnds
from tests.properties.doors import Raw
from tests.unit.streams.workers.personalize.visitors.test_unreadable_state import (
    OTHERS,
    P,
    World,
    at_partition,
)

AT_MS = 1_767_600_000_000
HOUR_MS = 3_600_000
ONE, OTHER = at_partition(OTHERS)[:2]


def visits(numbers: range, *, first: int = 0, at_ms: int = AT_MS, visitor: VisitorId = ONE) -> list[Raw]:
    """Records of these messages from offset `first` on."""
    return [
        Raw(visitor.encode(), _event(visitor, number), first + place, at_ms, P)
        for place, number in enumerate(numbers)
    ]


def _event(visitor: VisitorId, number: int) -> bytes:
    return encode({
        "event": "page_view", "message_id": f"m{number}", "user_id": visitor.removeprefix("u:"),
        "timestamp": "2026-01-05T08:00:00Z",
    })  # fmt: skip


def stored(world: World, visitor: VisitorId = ONE) -> bytes:
    contents: Any = world.store.contents
    packed: bytes = contents.states[P, visitor] + contents.windows.get((P, visitor), b"")
    return packed


async def test_a_worker_that_takes_over_knows_the_messages_of_the_one_before() -> None:
    first = World()
    await first.apply(await first.hold(), visits(range(400)))
    second = World()
    second.store.restore(first.store.snapshot())
    await second.apply(await second.hold(), visits(range(400), first=400))
    assert unpack(stored(second)).events == 400


async def test_only_what_is_new_of_a_window_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    world, sent = World(), list[SliceWrite]()
    original = world.store.write_all

    async def spy(writes: Any) -> list[WriteOutcome]:
        sent.extend(writes)
        return await original(writes)

    monkeypatch.setattr(world.store, "write_all", spy)
    holding = await world.hold()
    for numbers in (range(16), range(16, 300), range(300, 302), range(250, 260)):
        await world.apply(holding, visits(numbers, first=holding.done or 0))
    windows = [[(one.kept, len(one.added)) for one in write.windows] for write in sent]
    whole = 5 + 284 * WINDOW_ENTRY
    assert windows == [[], [(0, whole)], [(whole, 2 * WINDOW_ENTRY)], []]


async def test_a_window_goes_once_nobody_looks_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    holding, windows = await world.hold(), world.store.contents.windows
    await world.apply(holding, visits(range(40)))
    late = AT_MS + HOUR_MS + (SLACK_MINUTES + 1) * 60_000
    await world.apply(holding, visits(range(1), first=40, at_ms=late - 60_000, visitor=OTHER))
    assert (P, ONE) in windows
    await world.apply(holding, visits(range(1, 2), first=41, at_ms=late, visitor=OTHER))
    assert (P, ONE) not in windows
    # The cache has it still; what follows must not be put behind what is not there.
    await world.apply(holding, visits(range(40, 60), first=42, at_ms=late))
    expected = b""
    for record in [*visits(range(40)), *visits(range(40, 60), first=42, at_ms=late)]:
        expected = fold_packed(expected, _record(record))
    assert stored(world) == expected


def _record(raw: Raw) -> Any:
    return EventRecord(decode_event(raw.value), P, raw.offset, raw.timestamp / 1000, 7)


@pytest.mark.parametrize("spoiled", [b"garbage", ["x"], b"\x00" * 23, b"\x01" * 100_000])
async def test_a_window_that_cannot_be_read_is_set_aside_and_events_are_counted(spoiled: Any) -> None:
    world = World()
    await world.apply(await world.hold(), visits(range(40)))
    world.store.contents.windows[P, ONE] = spoiled
    world.engine._cache = VisitorCache(10)
    await world.apply(await world.hold(), visits(range(40), first=40))
    assert unpack(stored(world)).events == 40 + 24, "those that the state itself does not know"
    ((entry, kept),) = world.store.contents.quarantined.values()
    assert (entry.visitor, kept) == (ONE, spoiled)
    assert 'quarantined_total{kind="window"} 1' in world.metrics.render().decode()


async def test_a_window_that_newer_code_may_have_written_is_left_alone() -> None:
    world, newer = World(), bytes([WINDOW_VERSION + 1]) * 23
    await world.apply(await world.hold(), visits(range(3)))
    world.engine._cache = VisitorCache(10)
    world.store.contents.windows[P, ONE] = newer
    with pytest.raises(UnknownVersion, match=f"holds a window of version {WINDOW_VERSION + 1}"):
        await world.apply(await world.hold(), visits(range(1), first=3))
    assert world.store.contents.windows[P, ONE] == newer


def holding_of(partition: int) -> Holding:
    return Holding(partition, Claim("1:x", 0), turn=1, at=0, reason="assigned")


def test_ends_are_taken_in_their_order_a_few_at_a_time_and_once() -> None:
    ends, holding = WindowEnds(), holding_of(P)
    for number in range(ENDED_AT_ONCE + 5):
        ends.note(holding, VisitorId(f"a:{number}"), 100)
    ends.note(holding, VisitorId("a:0"), 160)  # it was added to
    assert ends.take(holding, (100 + SLACK_MINUTES) * 60) == []
    over = (101 + SLACK_MINUTES) * 60.0
    assert ends.take(holding, over) == [f"a:{n}" for n in range(1, ENDED_AT_ONCE + 1)]
    assert ends.take(holding, over) == [f"a:{n}" for n in range(ENDED_AT_ONCE + 1, ENDED_AT_ONCE + 5)]
    assert ends.take(holding, over) == []


def test_ends_of_another_holding_are_void_and_few_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends_module, "NOTED_MAX", 3)
    ends, holding = WindowEnds(), holding_of(P)
    for number in range(5):
        ends.note(holding, VisitorId(f"a:{number}"), 1)
    assert ends.take(holding_of(P), 1e9) == []
    for number in range(5):
        ends.note(holding, VisitorId(f"a:{number}"), 1)
    assert ends.take(holding, 1e9) == ["a:2", "a:3", "a:4"]


def test_large_windows_leave_the_cache_of_many() -> None:
    cache, holding = VisitorCache(100), holding_of(P)
    holding.done = 10
    full = bytes(1_000 + WINDOW_ENTRY * WINDOW_IDS_MAX)
    for number in range(100):
        for _ in range(2):  # of one that is cached again only the new bytes count
            cache.put(VisitorId(f"a:{number}"), CachedVisitor(holding, full, None, 0.0, end=1))
    assert len(cache) == 100 * BYTES_EACH // len(full)
    assert split_window(b"") == (b"", b"")
