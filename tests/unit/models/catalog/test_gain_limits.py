"""No item gains more than a share of what is usual; honest traffic keeps its order."""

from __future__ import annotations

import numpy as np
import pytest

from models.catalog.signals.gain_limits import KNOWN_SHARE, RATE_MIN, ROOM_MIN, SHARE_MAX, USUAL_S, GainLimits
from models.catalog.signals.source_rooms import SOURCE_ROOM, VOICE_S
from schemas.ids import ItemId

ONE = ItemId("one")


def gain(limits: GainLimits, item: ItemId, voices: int, source: int = 0) -> float:
    return sum(limits.kinds["views"].admit(item, 1.0, source) for _ in range(voices))


def test_a_burst_adds_what_fits_and_room_comes_back() -> None:
    limits = GainLimits()
    assert gain(limits, ONE, 6000) == ROOM_MIN
    assert limits.held_back() == {"item": 6000 - ROOM_MIN, "source": 0.0}
    assert limits.kinds["views"].full == {ONE}
    limits.end_window(1.0)
    assert limits.held_back() == {"item": 0.0, "source": 0.0}
    assert not limits.kinds["views"].full
    assert gain(limits, ONE, 6000) == pytest.approx(RATE_MIN)
    limits.end_window(60.0)
    assert gain(limits, ONE, 6000) == ROOM_MIN


def test_one_source_leaves_room_for_others() -> None:
    limits = GainLimits()
    assert gain(limits, ONE, 6000, source=1) == ROOM_MIN * KNOWN_SHARE
    assert limits.held_back() == {"item": 0.0, "source": 6000 - ROOM_MIN * KNOWN_SHARE}
    assert limits.kinds["views"].full_of_source == {(1, ONE)}
    assert not limits.kinds["views"].full
    assert gain(limits, ONE, 1, source=2) == 1.0
    limits.end_window(1.0)
    assert not limits.kinds["views"].full_of_source


def test_who_has_no_source_is_bounded_by_the_item_alone() -> None:
    limits = GainLimits()
    gain(limits, ONE, 6000, source=1)
    assert gain(limits, ONE, 6000) == ROOM_MIN * (1 - KNOWN_SHARE)


def test_in_an_hour_a_source_adds_what_it_may_and_many_do_not() -> None:
    limits, others = GainLimits(), GainLimits()
    one = many = 0.0
    for second in range(3600):
        one += gain(limits, ONE, 1, source=1)
        many += gain(others, ONE, 1, source=second + 1)
        limits.end_window(1.0)
        others.end_window(1.0)
    assert SOURCE_ROOM + 3500 / VOICE_S < one <= SOURCE_ROOM + 3600 / VOICE_S
    assert many > 300


def test_kinds_and_items_do_not_share_room() -> None:
    limits = GainLimits()
    gain(limits, ONE, 6000)
    assert limits.kinds["purchases"].admit(ONE, 1.0) == 1.0
    assert limits.kinds["views"].admit(ItemId("two"), 1.0) == 1.0


def test_a_busy_shop_lets_an_item_be_a_share_of_it() -> None:
    limits, usual = GainLimits(), 100
    for _ in range(int(6 * USUAL_S)):
        for number in range(usual):
            limits.kinds["views"].admit(ItemId(f"i{number}"), 1.0)
        limits.end_window(1.0)
    assert gain(limits, ONE, 6000) == pytest.approx(SHARE_MAX * usual, rel=0.01)


def test_a_second_of_many_items_hardly_moves_what_is_usual() -> None:
    limits = GainLimits()
    limits.end_window(2 * USUAL_S)
    for number in range(6000):
        limits.kinds["views"].admit(ItemId(f"i{number}"), 1.0)
    limits.end_window(1.0)
    assert gain(limits, ONE, 6000) < SHARE_MAX * 6000 / USUAL_S + 0.01


@pytest.mark.parametrize(("a_second", "items"), [(1000, 5000), (20, 2000), (1, 500), (20, 20)])
def test_honest_traffic_keeps_its_order_from_the_first_second(a_second: int, items: int) -> None:
    """Zipf's law, also in a shop of 20 items, where the first is more than a share of all."""
    random = np.random.default_rng(1)
    shares = 1 / np.arange(1, items + 1)
    limits, true, gained = GainLimits(), np.zeros(items), np.zeros(items)
    for _ in range(max(60, 30_000 // a_second)):
        for item in random.choice(items, random.poisson(a_second), p=shares / shares.sum()).tolist():
            true[item] += 1
            gained[item] += limits.kinds["views"].admit(ItemId(str(item)), 1.0)
        limits.end_window(1.0)
    gained_in_order = gained[np.argsort(-true)][:20]
    assert (gained_in_order[3:] < 1.02 * gained_in_order[:-3]).all()
    assert gained.sum() > 0.7 * true.sum()


def test_buckets_that_ran_dry_are_forgotten() -> None:
    limits = GainLimits()
    for number in range(1000):
        limits.kinds["views"].admit(ItemId(f"i{number}"), 1.0)
    limits.end_window(30.0)
    assert not limits.kinds["views"].levels
