"""Event time, sessions, and the decay that the passing of time brings."""

from __future__ import annotations

import pytest

from models.visitor.sessions import effective_time
from models.visitor.state import EMPTY
from schemas.codec import decode_event, encode
from schemas.ids import hash32
from tests.unit.models.visitor.folding import (
    BOOT,
    DAY,
    HOUR,
    MINUTE,
    MORNING,
    SNEAKER,
    act,
    after,
    fold_at_arrival,
)


@pytest.mark.parametrize(
    ("stamped", "sent", "at"),
    [
        (0, None, 0),  # a sound clock
        (500, None, 100),  # never after arrival
        (5_000, 5_040, 60),  # a fast clock, known by when it sent
        (-90_000, -89_990, 90),  # a slow one
        (-50, None, -50),  # delivered late
    ],
)
def test_the_clients_clock_is_corrected(stamped: int, sent: int | None, at: int) -> None:
    body = act("page_view", at=stamped) | {"message_id": "m"}
    if sent is not None:
        body["sent_at"] = act("page_view", at=sent)["timestamp"]
    assert effective_time(decode_event(encode(body)), MORNING + 100) == MORNING + at


def test_a_silence_of_half_an_hour_begins_a_session() -> None:
    state = after([act("page_view"), act("page_view", at=30 * MINUTE), act("page_view", at=60 * MINUTE)])
    assert (state.sessions, state.session_events) == (1, 3)
    state = after([act("page_view", at=90 * MINUTE + 1)], state)
    assert (state.sessions, state.session_events) == (2, 1)
    assert state.session_at == MORNING + 90 * MINUTE + 1
    assert state.first_at == MORNING
    assert state.events == 4


def test_the_sessions_affinities_decay_in_minutes_and_end_with_it() -> None:
    state = after([act("view_item", SNEAKER)])
    sneakers = hash32("sneakers")
    state = after([act("page_view", at=20 * MINUTE)], state)
    assert state.now_categories[sneakers] == 0.5
    assert state.categories[sneakers] == 1.0
    state = after([act("page_view", at=2 * HOUR)], state)
    assert state.now_categories == {}
    assert state.categories[sneakers] == 1.0


def test_an_affinity_halves_in_twenty_days_however_often_it_is_decayed() -> None:
    once = after([act("view_item", SNEAKER), act("page_view", at=20 * DAY)])
    often = after([act("view_item", SNEAKER), *(act("page_view", at=n * HOUR) for n in range(1, 481))])
    assert once.categories == often.categories == {hash32("sneakers"): 0.5}


def test_what_has_decayed_is_forgotten() -> None:
    state = after([act("view_item", SNEAKER), act("page_view", at=200 * DAY)])
    assert state.categories == {}
    assert state.price_weight == 0.0
    assert [item.at for item in state.recent] == [MORNING]


def test_a_late_event_adds_what_is_left_of_it() -> None:
    state = after([act("view_item", SNEAKER)])
    state = fold_at_arrival(act("view_item", BOOT, at=-20 * DAY), state, arrival=5)
    assert state.at == MORNING
    assert state.categories == {hash32("sneakers"): 1.0, hash32("boots"): 0.5}
    assert hash32("boots") not in state.now_categories
    assert [item.at for item in state.recent] == [MORNING, MORNING - 20 * DAY]
    assert state.session_events == 1


@pytest.mark.parametrize("stamp", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_clock_of_long_ago_moves_nothing(stamp: str) -> None:
    state = after([act("view_item", SNEAKER)])
    poisoned = fold_at_arrival(act("view_item", BOOT) | {"timestamp": stamp}, state, arrival=60)
    assert poisoned.at == state.at
    assert poisoned.categories == state.categories
    assert poisoned.sessions == 1
    healed = fold_at_arrival(act("view_item", BOOT, at=90), poisoned, arrival=90)
    assert healed.at == MORNING + 90
    assert healed.categories == {hash32("sneakers"): 1.0, hash32("boots"): 1.0}


def test_a_clock_of_2099_counts_as_now() -> None:
    state = fold_at_arrival(
        act("view_item", SNEAKER) | {"timestamp": "2099-01-01T00:00:00Z"}, EMPTY, arrival=60
    )
    assert state.at == MORNING + 60
    state = fold_at_arrival(act("view_item", SNEAKER, at=90), state, arrival=90)
    assert (state.at, state.sessions) == (MORNING + 90, 1)
    assert state.categories == {hash32("sneakers"): 2.0}
