"""What several suites start from."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conformance.stores import STORES, Store


@pytest.fixture(params=list(STORES))
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with STORES[request.param](request.getfixturevalue) as opened:
        yield opened
