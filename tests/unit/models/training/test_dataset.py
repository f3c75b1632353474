"""Training examples: groups of one viewed item and others, and shoppers that are never learnt from."""

from __future__ import annotations

import numpy as np
import pytest

from models.features.spec import NAMES, SPEC
from models.training.dataset import HOUR, build_examples, is_held_out, propose_candidates
from models.training.log_replay import LabelledView, replay
from models.training.simulation.catalogue import SimulatedShop
from models.training.simulation.shoppers import ContextualEvent
from tests.unit.models.training.small_data import SEED


def test_a_group_holds_the_viewed_item_and_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.dataset.replay_real_views", lambda seed: iter(()))
    said: list[str] = []
    examples = build_examples(SEED, lambda what, share: said.append(what), shoppers=25)
    assert examples.features.shape[1:] == (20, len(SPEC))
    assert np.isfinite(examples.features).all()
    assert examples.targets.min() >= 0
    assert examples.targets.max() < 20
    assert said
    cold = examples.features[:, 0, NAMES.index("visitor_is_cold")] == 1
    assert 0.2 < cold.mean() < 0.6


NEVER_SIMULATED = {"item_share_rate", "page_cart", "view_dwell"}
"""Simulated shoppers share nothing, look at items on no cart page and report no time spent."""


def test_a_feature_varies_in_what_a_model_learns_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is always the same was not computed, or teaches nothing."""
    monkeypatch.setattr("models.training.dataset.replay_real_views", lambda seed: iter(()))
    features = build_examples(SEED, lambda what, share: None, shoppers=60).features
    spread = np.ptp(features.reshape(-1, len(SPEC)), axis=0)
    assert {name for name, width in zip(NAMES, spread, strict=True) if not width} == NEVER_SIMULATED


def test_held_out_shoppers_are_every_fifth() -> None:
    assert [n for n in range(11) if is_held_out(f"a:sim{n}")] == [0, 5, 10]


def test_a_product_page_is_that_of_the_last_view(shop: SimulatedShop, events: list[ContextualEvent]) -> None:
    def on_a_product_page(view: LabelledView) -> bool:
        return view.page == "product" and bool(view.state.recent)

    views = replay(shop.items, events, lambda at: int(at // HOUR))
    view = next(view for view in views if on_a_product_page(view))
    candidates = propose_candidates(view, view.state, view.page)
    assert candidates.anchor_row == view.table.row_of_key(view.state.recent[0].key)
    assert candidates.anchor_row not in candidates.rows
