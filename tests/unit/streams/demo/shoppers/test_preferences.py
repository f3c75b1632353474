"""Simulated shoppers differ, and choose what they prefer more often."""

from __future__ import annotations

from collections import Counter
from random import Random

from streams.demo.catalogue import demo_items
from streams.demo.shoppers.preferences import choose_product, sample_preferences, utility
from tests.unit.streams.demo.shoppers.in_memory_shop import SNEAKERHEAD, card_of


def test_a_liked_product_is_chosen_more_often_and_leaving_is_always_possible() -> None:
    cards = {item.item_id: card_of(item) for item in demo_items()}
    sneakers = next(i for i in cards if i.startswith("sneakers"))
    lamp = next(i for i in cards if i.startswith("lamps"))
    assert utility(SNEAKERHEAD, sneakers, cards[sneakers]) > utility(SNEAKERHEAD, lamp, cards[lamp])
    shown = [(lamp, cards[lamp]), (sneakers, cards[sneakers])]
    picked = Counter(choose_product(SNEAKERHEAD, shown, Random(seed), outside=1.0) for seed in range(400))
    assert picked[1] > 2 * picked[0] > 0
    assert picked[None] > 0


def test_people_differ_and_are_the_same_for_a_seed() -> None:
    assert sample_preferences(Random(1)) == sample_preferences(Random(1))
    assert len({sample_preferences(Random(seed)).categories for seed in range(50)}) > 30
