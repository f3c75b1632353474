"""Two gateways that share their limits through a real Redis, and what they do without it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from streams.local.servers.redis import LocalRedis
from tests.load.wire import Connection, get
from tests.stack import Stack, poll_until

NOWHERE = "127.0.0.1:1"
"""No Kafka is needed to count."""
RATE, HELD, ASKED_S = 20, 100, 8.0
PAGE = get("/v1/layouts/home?visitor=a:ann")


@pytest.fixture
def stack(tmp_path: Path, redis_server: LocalRedis) -> Iterator[Stack]:
    folder = tmp_path / "stack"
    folder.mkdir()
    settings = {"visitor_rate": str(RATE), "shared_limits": "1"}
    namespace = f"s{uuid.uuid4().hex[:8]}"
    with Stack(folder, namespace, NOWHERE, redis_server.url, settings) as made:
        yield made


def test_one_visitor_who_asks_two_gateways_gets_one_rate(stack: Stack) -> None:
    """Both buckets at first; then what one gives is missing in the other."""
    gateways = [stack.start("gateway") for _ in range(2)]
    for gateway in gateways:
        poll_until(gateway.status, within_s=60, what="a gateway")
    with Connection(gateways[0].address) as one, Connection(gateways[1].address) as other:
        given, began = 0, time.monotonic()
        while (asked_s := time.monotonic() - began) < ASKED_S:
            for connection in (one, other):
                status, body = connection.ask(PAGE)
                assert status == 200
                given += orjson.loads(body)["reason"] != "overload"
    assert given > HELD
    assert given < 2 * HELD + 1.2 * RATE * asked_s, "each gave a rate of its own"
    assert "limits are not shared" not in gateways[0].log()
