"""Bodies have a bound each, and one together: what is held is counted until the request is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from streams.gateway.http import asgi_io
from streams.gateway.http.asgi_io import BodyBudget, Receive, read_body
from streams.gateway.http.problems import Problem

KB = b"a" * 1024


def receive_of(*parts: bytes) -> Receive:
    left = list(parts)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> BodyBudget:
    budget = BodyBudget(3 * 1024)
    monkeypatch.setattr(asgi_io, "SMALL_BODY_BYTES", 1024)
    monkeypatch.setattr(asgi_io, "BODIES", budget)
    return budget


@pytest.fixture
def scope() -> Callable[[], dict[str, Any]]:
    return lambda: {"headers": []}


async def test_bodies_of_all_requests_have_a_bound(
    budget: BodyBudget, scope: Callable[[], dict[str, Any]]
) -> None:
    first, second = scope(), scope()
    assert await read_body(first, receive_of(KB, KB), 1 << 20) == KB + KB
    with pytest.raises(Problem) as refused:
        await read_body(second, receive_of(KB, KB, KB), 1 << 20)
    assert refused.value.status == 503
    assert refused.value.headers == {"retry-after": "1"}
    budget.release(second)
    budget.release(second)  # a second time changes nothing
    assert budget.held == 2 * 1024
    assert await read_body(scope(), receive_of(KB), 1 << 20) == KB


async def test_what_is_too_long_by_itself_is_refused(
    budget: BodyBudget, scope: Callable[[], dict[str, Any]]
) -> None:
    with pytest.raises(Problem) as refused:
        await read_body(scope(), receive_of(KB, KB), 1500)
    assert refused.value.status == 413


@pytest.mark.parametrize("body", [b"{}", b"{", b"[" * 100])
async def test_an_answered_request_holds_nothing(client: httpx.AsyncClient, body: bytes) -> None:
    before = asgi_io.BODIES.held  # other tests of this process call routes without their router
    await client.post("/v1/events", content=body)
    assert asgi_io.BODIES.held == before


async def test_a_small_body_is_taken_whatever_others_hold(
    budget: BodyBudget, scope: Callable[[], dict[str, Any]]
) -> None:
    assert len(await read_body(scope(), receive_of(KB, KB, KB), 1 << 20)) == 3 * 1024
    assert await read_body(scope(), receive_of(KB), 1 << 20) == KB
    with pytest.raises(Problem):
        await read_body(scope(), receive_of(KB, b"a"), 1 << 20)
