"""A gateway in memory for each test, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import httpx
import pytest

from streams.runtime.telemetry.logs import configure
from tests.unit.streams.gateway.house import House, open_gateway
from tests.unit.streams.gateway.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every asynchronous test of this folder runs on a loop of its own time."""
    return {"virtual": VirtualTimeLoop}


@pytest.fixture(autouse=True)
def _plain_logs() -> None:
    configure(style="json")


@pytest.fixture
async def pair() -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    async with open_gateway() as pair:
        yield pair


@pytest.fixture
def house(pair: tuple[House, httpx.AsyncClient]) -> House:
    return pair[0]


@pytest.fixture
def client(pair: tuple[House, httpx.AsyncClient]) -> httpx.AsyncClient:
    return pair[1]
