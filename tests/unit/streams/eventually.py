"""Waiting, in tests of one event loop, for what other tasks will have done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(probe: Callable[[], T | None], *, within_s: float = 5.0) -> T:
    """The first truthy answer of `probe`, asked each turn of the loop; TimeoutError when none comes."""
    async with asyncio.timeout(within_s):
        while not (answer := probe()):  # noqa: ASYNC110 - what is asked has no event of its own
            await asyncio.sleep(0)
    return answer
