"""A gateway in memory for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from streams.runtime.telemetry.logs import configure
from tests.unit.streams.gateway.house import House, opened


@pytest.fixture(autouse=True)
def _plain_logs() -> None:
    configure(style="json")


@pytest.fixture
async def pair() -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    async with opened() as pair:
        yield pair


@pytest.fixture
def house(pair: tuple[House, httpx.AsyncClient]) -> House:
    return pair[0]


@pytest.fixture
def client(pair: tuple[House, httpx.AsyncClient]) -> httpx.AsyncClient:
    return pair[1]
