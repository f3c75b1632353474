"""What followed topics say becomes inputs of a Shop; what does not decode is skipped, never fatal."""

from __future__ import annotations

import tracemalloc

import pytest

from models.storefront.edition import Edition
from schemas.codec import encode
from schemas.topics import CATALOG, ITEM_SIGNALS, STOREFRONT
from streams.shop.inputs import ShopInputs
from tests.unit.models.catalog.full_signals import full_signals
from tests.unit.streams.shop.example_inputs import ITEM, MODULE, NS, SIGNAL, fill_inputs, raw


def test_each_topic_fills_its_part_and_moves_its_offset() -> None:
    inputs = fill_inputs()
    assert (inputs.items, inputs.sections, dict(inputs.signals)) == (
        {"a": ITEM},
        {"module:m": MODULE},
        {"a": SIGNAL},
    )
    assert inputs.resume_offsets(NS) == {
        ("shop.catalog.v1", 0): 5,
        ("shop.storefront.v1", 0): 8,
        ("shop.item-signals.v1", 3): 3,
    }
    assert inputs.generation == 16
    assert inputs.edition == Edition(storefront=8, catalogue=5)


def test_changes_name_what_moved_once() -> None:
    inputs = fill_inputs()
    changes = inputs.pop_changes()
    assert (changes.items, changes.sections, changes.signals) == (True, True, {"a"})
    assert not inputs.pop_changes()
    inputs.apply([raw(CATALOG, 5, "a", encode(ITEM))], NS)
    assert not inputs.changes, "the same item again changes nothing"
    assert inputs.generation == 17


def test_tombstones_take_away() -> None:
    inputs = fill_inputs()
    inputs.pop_changes()
    inputs.apply(
        [raw(CATALOG, 5, "a", None), raw(STOREFRONT, 8, "module:m", None), raw(ITEM_SIGNALS, 3, "a", None)],
        NS,
    )
    assert (inputs.items, inputs.sections, dict(inputs.signals)) == ({}, {}, {})
    changes = inputs.pop_changes()
    assert changes.items
    assert changes.sections
    assert changes.signals == {"a"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a", b"{"),
        ("a", b'{"item_id":"a"}'),
        ("b", encode(ITEM)),  # under another key than its own: a tombstone would never find it
        (None, encode(ITEM)),
    ],
)
def test_what_cannot_be_used_is_skipped_and_named(key: str | None, value: bytes) -> None:
    inputs = fill_inputs()
    inputs.pop_changes()
    (skipped,) = inputs.apply([raw(CATALOG, 5, key, value)], NS)
    assert (skipped.topic, skipped.partition, skipped.offset) == (CATALOG, 0, 5)
    assert skipped.error
    assert inputs.items == {"a": ITEM}
    assert not inputs.changes
    assert inputs.generation == 17, "it was read, and need not be read again"


def test_a_signal_with_full_lists_is_kept_in_little_memory() -> None:
    """Objects would take 9 to 10 kB an item, and at 100,000 items a gigabyte in every process."""
    records = [
        raw(ITEM_SIGNALS, number, signal.item_id, encode(signal))
        for number, signal in enumerate(full_signals())
    ]
    inputs = ShopInputs()
    tracemalloc.start()
    try:
        inputs.apply(records, NS)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(inputs.signals) == len(records)
    assert kept / len(records) < 2500
