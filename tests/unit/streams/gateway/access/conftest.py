"""A gateway with keys for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.unit.streams.gateway.access.keyed import KeyBunch, keyed_gateway
from tests.unit.streams.gateway.house import House

Keyed = tuple[House, httpx.AsyncClient, KeyBunch]


@pytest.fixture
async def keyed() -> AsyncIterator[Keyed]:
    async with keyed_gateway() as made:
        yield made
