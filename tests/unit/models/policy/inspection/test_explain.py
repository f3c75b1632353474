"""Explanations and records hold what was served: the features the ranker saw, the rule that pinned."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from models.candidates.generation import propose
from models.features.index import index_features
from models.features.spec import FINGERPRINT, NAMES, Batch, matrix
from models.policy.decide import decide
from models.policy.inspection.explain import decision_record, explained_answer, explained_layout
from models.policy.layout_decision import LayoutDecision, PageRequest
from models.storefront.rules import page_rules
from models.visitor.packing import pack, unpack
from schemas.codec import encode
from schemas.decisions import Decision
from schemas.ids import Version, VisitorId
from schemas.layouts import Layout
from tests.unit.models.random_shops import AT, random_snapshot, random_state


@pytest.fixture
def decision() -> LayoutDecision:
    random = Random(11)
    snapshot = random_snapshot(random, 150)
    state = random_state(random, snapshot.shop.items.ids)
    request = PageRequest(
        visitor=VisitorId("a:v"), state=pack(state), version=Version(3, 1, 9), explained=True
    )
    return decide(snapshot, [request], AT)[0]


def test_an_explanation_is_the_layout_with_reasons(decision: LayoutDecision) -> None:
    layout = explained_layout(decision)
    plain = [[msgspec.structs.replace(item, why=None) for item in slot.module.items] for slot in layout.slots]
    assert plain == [slot.module.items for slot in decision.layout.slots]
    assert msgspec.json.decode(explained_answer(decision), type=Layout) == layout


def test_its_features_are_those_of_the_matrix(decision: LayoutDecision) -> None:
    table, state = decision.shop.items, decision.request.state
    candidates = propose(table, state, "home", (), AT)
    features = matrix(Batch(index_features(table), [unpack(state)], [candidates], ["home"], AT))
    rows = candidates.rows.tolist()
    checked = 0
    for slot in explained_layout(decision).slots:
        for item in slot.module.items:
            assert item.why is not None
            row = decision.shop.items.row_of(item.id)
            if row in rows:
                expected = features[rows.index(row)].round(4).tolist()
                assert list(item.why.features) == list(NAMES)
                assert list(item.why.features.values()) == pytest.approx(expected, abs=1e-4)
                assert item.why.sources
                checked += 1
    assert checked > 5


def test_a_pin_names_its_rule(decision: LayoutDecision) -> None:
    pins = {
        p.row: p.rule for pins in page_rules(decision.shop.view.rules, "home", AT).pins.values() for p in pins
    }
    whys = {
        decision.shop.items.row_of(item.id): item.why
        for slot in explained_layout(decision).slots
        for item in slot.module.items
    }
    assert pins
    assert {row: why.pinned_by for row, why in whys.items() if why and why.pinned_by} == pins


def test_a_record_holds_the_decision(decision: LayoutDecision) -> None:
    raw = decision_record(decision)
    record = msgspec.json.decode(raw, type=Decision)
    layout = decision.layout
    assert encode(record) == raw
    assert (record.layout_id, record.version, record.fingerprint) == (layout.layout_id, "3.1.9", FINGERPRINT)
    assert [slot.decision_id for slot in record.slots] == [s.module.decision_id for s in layout.slots]
    assert [[i.id for i in s.items] for s in record.slots] == [
        [i.id for i in s.module.items] for s in layout.slots
    ]
    assert {len(item.features) for slot in record.slots for item in slot.items} <= {0, len(NAMES)}
    whys = [item.why for s in explained_layout(decision).slots for item in s.module.items if item.why]
    items = [item for slot in record.slots for item in slot.items]
    assert [item.score for item in items] == [why.score for why in whys]
    assert [item.features for item in items] == [list(why.features.values()) for why in whys]
