"""Whose decisions are recorded, and how many of them."""

from __future__ import annotations

from models.policy.inspection.decision_sample import CROWDED, KEPT_MAX, DecisionSample
from schemas.ids import VisitorId

SHARE = 0.05
VISITORS = [VisitorId(f"a:{number}") for number in range(20_000)]


def test_of_many_visitors_a_share_is_recorded_always_the_same_ones() -> None:
    sample = DecisionSample(SHARE)
    first, again = ([one for one in VISITORS if sample.takes(one)] for _ in range(2))
    assert first == again
    assert 0.9 * SHARE < len(first) / len(VISITORS) < 1.1 * SHARE


def test_everybody_or_nobody() -> None:
    everybody, nobody = DecisionSample(1.0), DecisionSample(0.0)
    assert all(everybody.takes(one) for one in VISITORS)
    assert not any(nobody.takes(one) for one in VISITORS)


def test_who_chooses_recorded_visitors_does_not_have_all_they_do_recorded() -> None:
    """A record has 16 kB: a thousand events a second of such visitors were a terabyte a day."""
    chosen = [one for one in VISITORS if DecisionSample(SHARE).takes(one)]
    sample, asked = DecisionSample(SHARE), 10_000
    taken = sum(sample.takes(chosen[number % len(chosen)]) for number in range(asked))
    assert taken <= KEPT_MAX + CROWDED * SHARE * asked + 1
    assert sum(sample.takes(one) for one in VISITORS) > 0.9 * SHARE * len(VISITORS), "others go on"
