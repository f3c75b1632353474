"""Point in time: a view knows what came before it, and nothing of itself or later."""

from __future__ import annotations

import numpy as np

from models.training.dataset import HOUR
from models.training.log_replay import replay
from models.training.simulation.catalogue import SimulatedShop
from models.training.simulation.shoppers import ContextualEvent
from models.visitor.state import EMPTY
from schemas.events import ViewItem


def hour_of(at: float) -> int:
    return int(at // HOUR)


def test_every_view_is_yielded_with_a_state_that_does_not_know_it_yet(
    shop: SimulatedShop, events: list[ContextualEvent]
) -> None:
    viewed: dict[str, list[str]] = {}
    views = list(replay(shop.items, events, hour_of))
    assert len(views) == sum(isinstance(one.event, ViewItem) for one in events)
    for view in views:
        before = viewed.setdefault(view.visitor, [])
        known = [view.table.ids[view.table.row_of_key(seen.key)] for seen in view.state.recent]
        assert known == list(dict.fromkeys(reversed(before)))[:12]
        assert (view.state.events == 0) == (view.state == EMPTY)
        assert view.state.at <= view.at
        before.append(view.table.ids[view.target])


def test_signals_hold_finished_periods_only(shop: SimulatedShop, events: list[ContextualEvent]) -> None:
    """Cut the future off: every earlier view stays exactly as it was."""
    whole = list(replay(shop.items, events, hour_of))
    cut = len(events) // 2
    part = list(replay(shop.items, events[:cut], hour_of))
    assert whole[0].table.popularity.sum() == 0
    assert whole[-1].table.popularity.sum() > 0
    for one, other in zip(part, whole, strict=False):
        assert one.state == other.state
        assert one.target == other.target
    same = part[-1].index, whole[len(part) - 1].index
    assert np.array_equal(same[0].block, same[1].block)
    assert np.array_equal(same[0].table.co_viewed, same[1].table.co_viewed)
