"""FetchPacing: a loop with time to spare gets each record at once, a busy one gets them gathered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from streams.kafka.transport.fetch_pacing import BUSY_SHARE, FREE_SHARE, FetchPacing
from tests.unit.streams.eventually import eventually

AT_ONCE = (500, 1)


class Loop:
    """A fetcher, and the clocks of the loop that it runs on."""

    def __init__(self) -> None:
        self.fetcher: Any = SimpleNamespace()
        self.wall = self.used = 0.0
        self.pacing = FetchPacing(self.fetcher, wall=lambda: self.wall, used=lambda: self.used)

    def deliver(self, share: float, *, seconds: float) -> None:
        """A delivery after `seconds` of which the loop worked this share."""
        self.wall += seconds
        self.used += share * seconds
        self.pacing.note_delivery()

    @property
    def fetch_settings(self) -> tuple[int, int]:
        return self.fetcher._fetch_max_wait_ms, self.fetcher._fetch_min_bytes


async def test_records_are_sent_at_once_while_there_is_time_to_spare() -> None:
    loop = Loop()
    assert loop.fetch_settings == AT_ONCE
    for _ in range(100):
        loop.deliver(FREE_SHARE, seconds=0.01)
    assert loop.fetch_settings == AT_ONCE


@pytest.mark.parametrize(
    ("share", "hold_ms"), [(1.0, 4), (BUSY_SHARE, 4), ((FREE_SHARE + BUSY_SHARE) / 2, 2)]
)
async def test_the_busier_the_loop_the_longer_records_are_gathered(share: float, hold_ms: int) -> None:
    loop = Loop()
    for _ in range(400):
        loop.deliver(share, seconds=0.01)
    assert loop.fetch_settings == (hold_ms, 200_000)


async def test_one_busy_moment_is_not_yet_a_busy_loop() -> None:
    loop = Loop()
    loop.deliver(1.0, seconds=0.1)
    assert loop.fetch_settings == AT_ONCE


async def test_after_a_lull_the_first_record_is_sent_at_once() -> None:
    loop = Loop()
    loop.deliver(1.0, seconds=5)
    assert loop.fetch_settings != AT_ONCE
    await eventually(lambda: loop.fetch_settings == AT_ONCE)


async def test_a_busy_time_is_forgotten() -> None:
    loop = Loop()
    loop.deliver(1.0, seconds=5)
    loop.deliver(0.0, seconds=5)
    assert loop.fetch_settings == AT_ONCE


async def test_two_deliveries_of_one_moment_are_no_division_by_zero() -> None:
    loop = Loop()
    loop.deliver(1.0, seconds=5)
    loop.deliver(1.0, seconds=0)
    assert loop.fetch_settings == (4, 200_000)
