"""Many records are sorted to their partitions without holding up the loop."""

from __future__ import annotations

from streams.batches import Pair, _by_partition
from streams.partitioner import partition_of
from tests.unit.streams.slices import watched_slices


async def test_sorting_many_records_lets_the_loop_turn() -> None:
    pairs: list[Pair] = [(b"item-%d" % n, b"") for n in range(60_000)]
    async with watched_slices() as slices:
        parts = await _by_partition(pairs, 8)
    assert slices.longest_s < 0.02
    assert sum(map(len, parts.values())) == len(pairs)
    for partition, part in parts.items():
        assert all(partition_of(key, 8) == partition for key, _ in part)
        assert [key for key, _ in part] == sorted((key for key, _ in part), key=lambda k: int(k[5:]))
