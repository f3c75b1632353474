"""Crowd signals: decay, idempotence and bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.catalog.signals.aggregation import (
    CO_BOUGHT_MAX,
    CO_VIEWED_MAX,
    POPULARITY_HALF_LIFE_S,
    TREND_HALF_LIFE_S,
    apply_delta,
)
from schemas.ids import ItemId
from schemas.signals import Delta, Signal

A = ItemId("a")
T0 = 1_700_000_000.0


def delta(at: float = T0, **counts: object) -> Delta:
    return Delta(item_id=A, at=at, **counts)  # type: ignore[arg-type]


def test_first_delta_is_the_signal() -> None:
    signal = apply_delta(None, delta(views=3, carts=1, co_viewed={ItemId("b"): 2}), 7)
    assert (signal.trend, signal.popularity, signal.carts, signal.delta_offset) == (3.0, 3.0, 1.0, 7)
    assert [(n.item_id, n.weight) for n in signal.co_viewed] == [("b", 2.0)]


def test_counts_halve_after_their_half_life() -> None:
    signal = apply_delta(None, delta(views=8), 0)
    later = apply_delta(signal, delta(at=T0 + TREND_HALF_LIFE_S), 1)
    assert later.trend == pytest.approx(4.0)
    assert later.popularity == pytest.approx(
        8 * 0.5 ** (TREND_HALF_LIFE_S / POPULARITY_HALF_LIFE_S), abs=1e-3
    )


def test_a_late_delta_counts_for_what_is_left_of_it() -> None:
    signal = apply_delta(None, delta(at=T0 + TREND_HALF_LIFE_S, views=1), 0)
    late = apply_delta(signal, delta(at=T0, views=4), 1)
    assert late.at == T0 + TREND_HALF_LIFE_S
    assert late.trend == pytest.approx(3.0)


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1e7)), min_size=1, max_size=12), st.integers(0, 11))
def test_redelivered_deltas_change_nothing(raw: list[tuple[int, float]], again: int) -> None:
    deltas = [delta(at=T0 + at, views=views, co_viewed={ItemId("b"): views + 1}) for views, at in raw]
    signal: Signal | None = None
    for offset, one in enumerate(deltas):
        signal = apply_delta(signal, one, offset)
    assert signal is not None
    for offset in range(min(again, len(deltas) - 1), len(deltas)):
        assert apply_delta(signal, deltas[offset], offset) is signal


def test_neighbours_stay_bounded_and_newcomers_get_in() -> None:
    many = {ItemId(f"n{i:03}"): 5 for i in range(80)}
    signal = apply_delta(None, delta(co_viewed=many, co_bought=many), 0)
    assert (len(signal.co_viewed), len(signal.co_bought)) == (CO_VIEWED_MAX, CO_BOUGHT_MAX)
    later = apply_delta(signal, delta(co_viewed={ItemId("new"): 1}), 1)
    assert len(later.co_viewed) == CO_VIEWED_MAX
    assert later.co_viewed[-1].item_id == "new"
    weights = [n.weight for n in later.co_viewed]
    assert weights == sorted(weights, reverse=True)


@pytest.mark.parametrize(("kind", "limit"), [("co_bought", CO_BOUGHT_MAX), ("co_viewed", CO_VIEWED_MAX)])
def test_many_newcomers_do_not_drive_out_what_a_crowd_counted(kind: str, limit: int) -> None:
    """One visitor can bring as many as there are places within a second."""
    crowd = {ItemId(f"old-{n}"): 3000.0 for n in range(limit)}
    counted: dict[str, Any] = {kind: crowd}
    signal = apply_delta(None, delta(**counted), 0)
    for offset in range(1, 5):
        made_up: dict[str, Any] = {kind: {ItemId(f"new-{offset}-{n}"): 1.0 for n in range(limit)}}
        signal = apply_delta(signal, delta(**made_up), offset)
    kept = [n.item_id for n in getattr(signal, kind)]
    assert len(kept) == limit
    assert sum(item in crowd for item in kept) == limit - limit // 5
