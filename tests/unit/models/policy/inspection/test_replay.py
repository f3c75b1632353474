"""A replayed session is what the service would have done."""

from __future__ import annotations

from random import Random

from models.policy.decide import decide
from models.policy.inspection.replay import records_of, replay
from models.policy.layout_decision import PageRequest
from models.visitor.fold import fold
from models.visitor.packing import pack
from models.visitor.state import EMPTY
from schemas.codec import decode_event
from schemas.ids import Version
from tests.random_events import random_event
from tests.unit.models.random_shops import random_snapshot

SNAPSHOT = random_snapshot(Random(2), 80)
EVENTS = [
    decode_event(random_event(Random(n), visitor, n)) for n in range(12) for visitor in ("a:one", "u:two")
]


def test_states_are_the_fold_of_the_visitors_own_records() -> None:
    steps = list(replay(SNAPSHOT, records_of(EVENTS)))
    assert len(steps) == len(EVENTS)
    for visitor in ("a:one", "u:two"):
        state = EMPTY
        for step in (step for step in steps if step.visitor == visitor):
            assert pack(step.before) == pack(state)
            state = fold(state, step.record)
            assert pack(step.state) == pack(state)


def test_layouts_are_those_of_decide_given_the_previous_content() -> None:
    previous = None
    for step in (step for step in replay(SNAPSHOT, records_of(EVENTS)) if step.visitor == "a:one"):
        version = Version(1, 0, step.record.offset)
        request = PageRequest(
            visitor=step.visitor, state=pack(step.state), version=version, previous=previous
        )
        expected = decide(SNAPSHOT, [request], step.record.arrival)[0]
        assert step.decision.layout == expected.layout
        assert step.decision.changed == expected.changed
        previous = expected.fills


def test_time_never_runs_back() -> None:
    records = list(records_of([EVENTS[4], EVENTS[0], EVENTS[8]]))
    arrivals = [record.arrival for record in records]
    assert arrivals == sorted(arrivals)
    assert [record.offset for record in records] == [0, 1, 2]


def test_the_best_candidates_come_with_their_features() -> None:
    for step in replay(SNAPSHOT, records_of(EVENTS[:6]), top=3):
        scores = [why.score for _, why in step.top]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) == 3
        assert all(why.features and why.sources for _, why in step.top)
