"""Point in time: a moment knows what came before it, and nothing of itself or later."""

from __future__ import annotations

import numpy as np
import pytest

from models.training.dataset import HOUR, build, candidates_of, held_out
from models.training.replay import Moment, replay
from models.training.simulation.catalogue import Made, make_shop
from models.training.simulation.shoppers import Shown, simulate
from models.visitor.state import EMPTY
from schemas.codec import decode_event, encode
from schemas.events import ViewItem

SEED = 3


@pytest.fixture(scope="module")
def shop() -> Made:
    return make_shop(SEED, products=200)


@pytest.fixture(scope="module")
def events(shop: Made) -> list[Shown]:
    return simulate(SEED, shop, 25)


def by_hour(at: float) -> int:
    return int(at // HOUR)


def test_the_same_seed_makes_the_same_shop_and_walk(shop: Made, events: list[Shown]) -> None:
    again = make_shop(SEED, products=200)
    assert again.items == shop.items
    assert simulate(SEED, again, 25) == events
    assert simulate(SEED + 1, shop, 25) != events


def test_made_up_events_are_real_ones(events: list[Shown]) -> None:
    for shown in events[:200]:
        assert decode_event(encode(shown.event)) == shown.event
        assert shown.event.timestamp.timestamp() == pytest.approx(shown.at, abs=1e-3)
    assert [shown.at for shown in events] == sorted(shown.at for shown in events)


def test_every_look_is_a_moment_that_does_not_know_it_yet(shop: Made, events: list[Shown]) -> None:
    looks: dict[str, list[str]] = {}
    moments = list(replay(shop.items, events, by_hour))
    assert len(moments) == sum(isinstance(shown.event, ViewItem) for shown in events)
    for moment in moments:
        before = looks.setdefault(moment.visitor, [])
        known = [moment.table.ids[moment.table.row_of_key(seen.key)] for seen in moment.state.recent]
        assert known == list(dict.fromkeys(reversed(before)))[:12]
        assert (moment.state.events == 0) == (moment.state == EMPTY)
        assert moment.state.at <= moment.at
        before.append(moment.table.ids[moment.target])


def test_signals_hold_finished_periods_only(shop: Made, events: list[Shown]) -> None:
    """Cut the future off: every earlier moment stays exactly as it was."""
    whole = list(replay(shop.items, events, by_hour))
    cut = len(events) // 2
    part = list(replay(shop.items, events[:cut], by_hour))
    assert whole[0].table.popularity.sum() == 0
    assert whole[-1].table.popularity.sum() > 0
    for one, other in zip(part, whole, strict=False):
        assert one.state == other.state
        assert one.target == other.target
    same = part[-1].index, whole[len(part) - 1].index
    assert np.array_equal(same[0].block, same[1].block)
    assert np.array_equal(same[0].table.co_viewed, same[1].table.co_viewed)


def test_a_group_holds_the_look_and_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.dataset.real_moments", lambda seed: iter(()))
    said: list[str] = []
    examples = build(SEED, lambda what, share: said.append(what), shoppers=25)
    assert examples.features.shape[1:] == (20, 46)
    assert np.isfinite(examples.features).all()
    assert examples.looked_at.min() >= 0
    assert examples.looked_at.max() < 20
    assert said
    cold = examples.features[:, 0, 12] == 1
    assert 0.2 < cold.mean() < 0.6


def test_held_out_shoppers_are_every_fifth() -> None:
    assert [n for n in range(11) if held_out(f"a:sim{n}")] == [0, 5, 10]


def test_a_product_page_is_that_of_the_last_look(shop: Made, events: list[Shown]) -> None:
    def at_a_product(moment: Moment) -> bool:
        return moment.page == "product" and bool(moment.state.recent)

    moment = next(m for m in replay(shop.items, events, by_hour) if at_a_product(m))
    found = candidates_of(moment, moment.state, moment.page)
    assert found.anchor == moment.table.row_of_key(moment.state.recent[0].key)
    assert found.anchor not in found.rows
