"""The demo catalogue: believable, valid, and the same for the same seed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import msgspec
from typer.testing import CliRunner

from schemas.catalog import Item
from streams.cli.data.demo import app
from streams.demo.assortment import CATEGORIES
from streams.demo.catalogue import OPENED, demo_items
from streams.demo.colours import COLOURS


def test_equal_arguments_give_equal_products() -> None:
    assert demo_items(300, seed=3) == demo_items(300, seed=3)
    assert demo_items(300, seed=3) != demo_items(300, seed=4)


def test_every_product_keeps_the_contract() -> None:
    items = demo_items()
    assert len({item.item_id for item in items}) == len(items) == 2000
    assert msgspec.json.decode(msgspec.json.encode(items), type=list[Item]) == items


def test_the_range_is_broad_and_believable() -> None:
    items = demo_items()
    counts = Counter(item.category for item in items)
    assert counts.keys() == CATEGORIES.keys()
    assert min(counts.values()) >= 40
    assert all(item.colour in COLOURS for item in items)
    assert all(item.list_price is None or item.list_price > item.price for item in items)
    assert 40 <= sum(item.stock == 0 for item in items) <= 200


def test_no_product_is_newer_than_the_opening_and_some_are_new() -> None:
    ages = [OPENED - item.created_at for item in demo_items() if item.created_at]
    assert min(ages) >= timedelta(0)
    assert sum(age < timedelta(days=14) for age in ages) > 50


def test_any_count_is_met_exactly() -> None:
    assert [len(demo_items(count)) for count in (1, 7, 24, 101)] == [1, 7, 24, 101]


def test_the_command_writes_one_product_a_line(tmp_path: Path) -> None:
    out = tmp_path / "items.ndjson"
    result = CliRunner().invoke(app, ["catalogue", str(out), "--count", "30", "--at", "2026-11-01T09:00:00"])
    assert result.exit_code == 0, result.output
    decoded = [msgspec.json.decode(line, type=Item) for line in out.read_bytes().splitlines()]
    assert decoded == demo_items(30)
