from __future__ import annotations

import pytest

from schemas.errors import DeadLetterLimit
from streams.dead_letters import Limit


def test_a_share_of_bad_records_is_borne() -> None:
    limit = Limit(share=0.5, last=10)
    for _ in range(100):
        limit.see(4, 2)


def test_more_than_the_share_halts() -> None:
    limit = Limit(share=0.5, last=10)
    limit.see(8, 8)  # too few records to judge
    with pytest.raises(DeadLetterLimit, match="10 of the last 12"):
        limit.see(4, 2)


def test_old_sins_are_forgotten() -> None:
    limit = Limit(share=0.5, last=10)
    limit.see(9, 9)
    with pytest.raises(DeadLetterLimit):
        limit.see(1, 0)
    for _ in range(10):
        limit.see(10, 0)
    limit.see(10, 5)


def test_one_chunk_may_be_more_than_enough() -> None:
    with pytest.raises(DeadLetterLimit):
        Limit(share=0.5, last=200).see(256, 256)
