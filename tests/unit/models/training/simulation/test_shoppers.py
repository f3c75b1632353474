"""Simulated shoppers: repeatable, and their events are real ones."""

from __future__ import annotations

import pytest

from models.training.simulation.catalogue import SimulatedShop, make_shop
from models.training.simulation.shoppers import ContextualEvent, simulate
from schemas.codec import decode_event, encode
from tests.unit.models.training.small_data import SEED


def test_the_same_seed_makes_the_same_shop_and_events(
    shop: SimulatedShop, events: list[ContextualEvent]
) -> None:
    again = make_shop(SEED, products=200)
    assert again.items == shop.items
    assert simulate(SEED, again, 25) == events
    assert simulate(SEED + 1, shop, 25) != events


def test_simulated_events_are_real_ones(events: list[ContextualEvent]) -> None:
    for one in events[:200]:
        assert decode_event(encode(one.event)) == one.event
        assert one.event.timestamp.timestamp() == pytest.approx(one.at, abs=1e-3)
    assert [one.at for one in events] == sorted(one.at for one in events)
