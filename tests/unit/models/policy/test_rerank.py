"""A given list comes back whole, in the visitor's order."""

from __future__ import annotations

from random import Random

import pytest

from models.features.spec import NAMES
from models.policy.rerank import rank
from models.visitor.packing import pack
from tests.unit.models.random_shops import AT, random_snapshot, random_state

SNAPSHOT = random_snapshot(Random(3), 100, rules=False)
STATE = pack(random_state(Random(8), SNAPSHOT.shop.items.ids))


def test_all_come_back_best_first_and_the_unknown_last() -> None:
    items = ["nobody", *SNAPSHOT.shop.items.ids[:20], "nowhere"]
    ranked = rank(SNAPSHOT, STATE, items, AT)
    assert sorted(ranked.ids) == sorted(items)
    assert ranked.scores == sorted(ranked.scores, reverse=True)
    assert ranked.ids[-2:] == ["nobody", "nowhere"] == ranked.unknown
    assert (ranked.mode, ranked.model.name, ranked.model.generation) == ("full", "odd", 7)


def test_equal_scores_keep_the_order_given() -> None:
    assert rank(SNAPSHOT, STATE, ["b", "a"], AT).ids == ["b", "a"]


def test_an_explanation_on_request() -> None:
    ranked = rank(SNAPSHOT, STATE, ["nobody", *SNAPSHOT.shop.items.ids[:3]], AT)
    *whys, unknown = ranked.explain(0, 4)
    assert all(why is not None and list(why.features) == list(NAMES) for why in whys)
    assert [why.score for why in whys if why] == pytest.approx(ranked.scores[:3], abs=1e-4)
    assert unknown is None


def test_a_stranger_gets_the_understudys_order() -> None:
    ranked = rank(SNAPSHOT, b"", SNAPSHOT.shop.items.ids[:30], AT)
    assert (ranked.mode, ranked.reason, ranked.model.role) == ("popular", "cold_start", "understudy")
