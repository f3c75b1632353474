from __future__ import annotations

import pytest

from schemas.errors import DeadLetterLimit
from streams.workers.group.dead_letters import BadRecordLimit


def test_a_share_of_bad_records_is_borne() -> None:
    limit = BadRecordLimit(share=0.5, last=10)
    for _ in range(100):
        limit.add(4, 2)


def test_more_than_the_share_halts() -> None:
    limit = BadRecordLimit(share=0.5, last=10)
    limit.add(8, 4)
    with pytest.raises(DeadLetterLimit, match="7 of the last 12"):
        limit.add(4, 3)


def test_a_few_bad_ones_at_the_start_are_too_few_to_judge() -> None:
    BadRecordLimit(share=0.5, last=10).add(5, 5)


def test_what_no_good_ones_could_make_up_for_is_not_waited_for() -> None:
    """Else a worker that is started again and again would let as much through each time."""
    limit = BadRecordLimit(share=0.5, last=10)
    limit.add(5, 5)
    with pytest.raises(DeadLetterLimit, match="6 of the last 6"):
        limit.add(1, 1)


def test_old_sins_are_forgotten() -> None:
    limit = BadRecordLimit(share=0.5, last=10)
    with pytest.raises(DeadLetterLimit):
        limit.add(9, 9)
    for _ in range(10):
        limit.add(10, 0)
    limit.add(10, 5)


def test_one_chunk_may_be_more_than_enough() -> None:
    with pytest.raises(DeadLetterLimit):
        BadRecordLimit(share=0.5, last=200).add(256, 256)
