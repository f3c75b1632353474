"""The small catalogue as a table."""

from __future__ import annotations

import pytest

from models.catalog.build import build_items
from models.catalog.table import ItemTable
from tests.unit.models.catalog.small_catalogue import AT, CATALOGUE, SIGNALS


@pytest.fixture
def table() -> ItemTable:
    return build_items(CATALOGUE, SIGNALS, AT)
