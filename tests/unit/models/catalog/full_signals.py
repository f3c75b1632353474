"""Signals of a shop where every list of neighbours is full, the most that a process keeps of the crowd."""

from __future__ import annotations

from random import Random

from models.catalog.signals.aggregation import CO_BOUGHT_MAX, CO_VIEWED_MAX
from schemas.ids import ItemId
from schemas.signals import Neighbour, Signal

ITEMS = 200
IDS = [ItemId(f"sneakers-{number:04}") for number in range(ITEMS)]


def full_signals() -> list[Signal]:
    random = Random(3)
    return [
        Signal(
            item_id=item, at=1e9, delta_offset=7, trend=1.5, popularity=20.25,
            co_viewed=_neighbours(random, CO_VIEWED_MAX), co_bought=_neighbours(random, CO_BOUGHT_MAX),
        )
        for item in IDS
    ]  # fmt: skip


def _neighbours(random: Random, count: int) -> list[Neighbour]:
    return [Neighbour(item, round(random.uniform(0.1, 99), 4)) for item in random.sample(IDS, count)]
