"""What followed topics say becomes inputs of a Shop; what does not decode is skipped, never fatal."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.storefront.edition import Edition
from schemas.catalog import Item
from schemas.codec import encode
from schemas.ids import ItemId
from schemas.signals import Neighbour, Signal
from schemas.storefront import ModuleDef, section_key
from schemas.topics import CATALOG, ITEM_SIGNALS, STOREFRONT, Topic
from streams.shop.cache import load_inputs, save_inputs
from streams.shop.inputs import ShopInputs
from tests.unit.streams.raw import Raw

NS = "shop"
ITEM = Item(item_id="a", title="A", categories=["x"], price=3.0)
MODULE = ModuleDef(id="m", type="trending", title="T")
SIGNAL = Signal(
    item_id=ItemId("a"), at=5.0, delta_offset=9, trend=1.0, co_viewed=[Neighbour(ItemId("b"), 2.0)]
)


def raw(topic: Topic, offset: int, key: str | None, value: bytes | None, partition: int = 0) -> Raw:
    return Raw(topic.full_name(NS), partition, offset, None if key is None else key.encode(), value)


def filled() -> ShopInputs:
    inputs = ShopInputs()
    skipped = inputs.apply(
        [
            raw(CATALOG, 4, "a", encode(ITEM)),
            raw(STOREFRONT, 7, section_key(MODULE), encode(MODULE)),
            raw(ITEM_SIGNALS, 2, "a", encode(SIGNAL), partition=3),
        ],
        NS,
    )
    assert skipped == []
    return inputs


def test_each_topic_fills_its_part_and_moves_its_offset() -> None:
    inputs = filled()
    assert (inputs.items, inputs.sections, inputs.signals) == (
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
    inputs = filled()
    changes = inputs.pop_changes()
    assert (changes.items, changes.sections, changes.signals) == (True, True, {"a"})
    assert not inputs.pop_changes()
    inputs.apply([raw(CATALOG, 5, "a", encode(ITEM))], NS)
    assert not inputs.changes, "the same item again changes nothing"
    assert inputs.generation == 17


def test_tombstones_take_away() -> None:
    inputs = filled()
    inputs.pop_changes()
    inputs.apply(
        [raw(CATALOG, 5, "a", None), raw(STOREFRONT, 8, "module:m", None), raw(ITEM_SIGNALS, 3, "a", None)],
        NS,
    )
    assert (inputs.items, inputs.sections, inputs.signals) == ({}, {}, {})
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
    inputs = filled()
    inputs.pop_changes()
    (skipped,) = inputs.apply([raw(CATALOG, 5, key, value)], NS)
    assert (skipped.topic, skipped.partition, skipped.offset) == (CATALOG, 0, 5)
    assert skipped.error
    assert inputs.items == {"a": ITEM}
    assert not inputs.changes
    assert inputs.generation == 17, "it was read, and need not be read again"


def test_the_cache_gives_back_what_was_saved(tmp_path: Path) -> None:
    inputs = filled()
    path = tmp_path / "deep" / "shop.cache"
    save_inputs(path, inputs, NS)
    loaded = load_inputs(path, NS)
    assert loaded is not None
    assert (loaded.items, loaded.sections, loaded.signals) == (inputs.items, inputs.sections, inputs.signals)
    assert loaded.generation == inputs.generation
    assert list(path.parent.iterdir()) == [path], "no drafts are left behind"


def test_a_cache_that_cannot_be_used_is_none(tmp_path: Path) -> None:
    path = tmp_path / "shop.cache"
    assert load_inputs(path, NS) is None
    save_inputs(path, filled(), "other")
    assert load_inputs(path, NS) is None
    path.write_bytes(b"\x93half a fi")
    assert load_inputs(path, NS) is None


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    save_inputs(tmp_path / "file" / "shop.cache", filled(), NS)
    assert load_inputs(tmp_path / "file" / "shop.cache", NS) is None
