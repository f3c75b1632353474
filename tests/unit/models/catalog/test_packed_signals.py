"""Signals kept as bytes are those that were put in, and building columns from them holds few at a time."""

from __future__ import annotations

import tracemalloc

import msgspec
import numpy as np
import pytest

from models.catalog.signals.columns import SignalColumns, build_columns
from models.catalog.signals.packed import PackedSignals
from schemas.ids import ItemId
from tests.unit.models.catalog.full_signals import IDS, ITEMS, full_signals

PEAK_MAX = 1 << 20
"""Bytes: the columns of 200 items are 0.2 MB, twice that while they grow; 200 decoded signals are 1.8 MB."""


def packed() -> PackedSignals:
    signals = PackedSignals()
    signals.update({signal.item_id: signal for signal in full_signals()})
    return signals


def test_they_are_a_mapping_of_what_was_put_in() -> None:
    signals = packed()
    assert signals == {signal.item_id: signal for signal in full_signals()}
    assert len(signals) == ITEMS
    assert IDS[0] in signals
    del signals[IDS[0]]
    assert IDS[0] not in signals
    with pytest.raises(KeyError):
        signals[IDS[0]]


def test_selected_are_those_that_there_are() -> None:
    signals = packed()
    assert signals.select({IDS[3], ItemId("gone")}) == {IDS[3]: signals[IDS[3]]}


def test_what_was_packed_is_unpacked_and_looked_at() -> None:
    signals = packed()
    assert PackedSignals.unpack(signals.pack()) == signals
    with pytest.raises(msgspec.MsgspecError):
        PackedSignals.unpack([*signals.pack(), b"{}"])


def test_columns_are_built_from_one_decoded_signal_at_a_time() -> None:
    signals = packed()
    rows: dict[str, int] = {item: row for row, item in enumerate(IDS)}
    tracemalloc.start()
    try:
        columns = build_columns(signals, rows, 1e9)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < PEAK_MAX
    of_objects = build_columns(dict(signals), rows, 1e9)
    for name in SignalColumns.__struct_fields__:
        assert np.array_equal(getattr(columns, name), getattr(of_objects, name)), name
