"""Buckets give what came together, owe what is dearer than they are, and are bounded in number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.gateway.http.limits.token_buckets import BURST_S, TokenBuckets

RATE = 10.0
HELD = int(RATE * BURST_S)


def test_a_full_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets = TokenBuckets()
    assert [buckets.take("a", 1, RATE, 0.0) for _ in range(HELD)] == [0.0] * HELD
    assert buckets.left("a", RATE, 0.0) == 0
    assert buckets.take("a", 1, RATE, 0.0) == pytest.approx(0.1)
    assert buckets.take("a", 1, RATE, 0.1) == 0.0
    assert buckets.take("b", 1, RATE, 0.0) == 0.0, "another owner has a bucket of its own"


def test_a_refusal_costs_nothing_and_says_when_to_come_back() -> None:
    buckets = TokenBuckets()
    buckets.take("a", HELD, RATE, 0.0)
    for _ in range(100):
        after_s = buckets.take("a", 20, RATE, 0.0)
    assert buckets.take("a", 20, RATE, after_s) == 0.0


def test_what_is_dearer_than_a_bucket_needs_a_full_one_and_owes_the_rest() -> None:
    buckets = TokenBuckets()
    assert buckets.take("a", 3 * HELD, RATE, 0.0) == 0.0
    assert buckets.left("a", RATE, 0.0) == 0
    assert buckets.take("a", 1, RATE, 2 * BURST_S) == pytest.approx(0.1)
    assert buckets.take("a", 1, RATE, 2 * BURST_S + 0.1) == 0.0


@given(
    st.lists(st.tuples(st.floats(0, 2), st.floats(0.01, 2 * HELD)), max_size=60),
    st.floats(1, 100),
)
def test_nobody_gets_more_than_burst_and_rate(asked: list[tuple[float, float]], rate: float) -> None:
    buckets, now, given_units, last = TokenBuckets(), 0.0, 0.0, 0.0
    for pause, price in asked:
        now += pause
        if not buckets.take("a", price, rate, now):
            last = price
            given_units += price
        owed = max(0.0, last - rate * BURST_S)
        assert given_units <= rate * (BURST_S + now) + owed + 1e-6


def test_the_bucket_that_was_idle_longest_is_forgotten() -> None:
    buckets = TokenBuckets(buckets_max=2)
    for owner in ("a", "b", "a", "c"):
        buckets.take(owner, HELD / 2, RATE, 0.0)
    assert len(buckets) == 2
    assert buckets.left("a", RATE, 0.0) == 0
    assert buckets.left("b", RATE, 0.0) == HELD
