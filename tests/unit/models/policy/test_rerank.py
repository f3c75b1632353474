"""A given list comes back whole, in the visitor's order."""

from __future__ import annotations

from random import Random

from models.features.spec import NAMES
from models.policy.rerank import rank
from models.visitor.state import EMPTY
from tests.unit.models.random_shops import AT, random_snapshot, random_state

SNAPSHOT = random_snapshot(Random(3), 100, rules=False)
STATE = random_state(Random(8), SNAPSHOT.shop.items.ids)


def test_all_come_back_best_first_and_the_unknown_last() -> None:
    items = ["nobody", *SNAPSHOT.shop.items.ids[:20], "nowhere"]
    ranked = rank(SNAPSHOT, STATE, items, AT)
    assert sorted(item for item, _, _ in ranked.items) == sorted(items)
    scores = [score for _, score, _ in ranked.items]
    assert scores == sorted(scores, reverse=True)
    assert [item for item, _, _ in ranked.items[-2:]] == ["nobody", "nowhere"] == ranked.unknown
    assert (ranked.mode, ranked.model.name, ranked.model.generation) == ("full", "odd", 7)


def test_equal_scores_keep_the_order_given() -> None:
    assert [item for item, _, _ in rank(SNAPSHOT, STATE, ["b", "a"], AT).items] == ["b", "a"]


def test_an_explanation_on_request() -> None:
    whys = [why for _, _, why in rank(SNAPSHOT, STATE, SNAPSHOT.shop.items.ids[:3], AT, explain=True).items]
    assert all(why is not None and list(why.features) == list(NAMES) for why in whys)
    assert all(why is None for _, _, why in rank(SNAPSHOT, STATE, SNAPSHOT.shop.items.ids[:3], AT).items)


def test_a_stranger_gets_the_understudys_order() -> None:
    ranked = rank(SNAPSHOT, EMPTY, SNAPSHOT.shop.items.ids[:30], AT)
    assert (ranked.mode, ranked.reason, ranked.model.role) == ("popular", "cold_start", "understudy")
