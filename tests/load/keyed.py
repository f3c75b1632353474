"""What API keys cost: CPU of the gateway a request, with keys and open, in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

import orjson

from schemas.ids import VisitorId
from streams.demo.catalogue import demo_items
from tests.load.bed import ITEMS, Bed, cpu_seconds
from tests.load.figures import Figure, figure, percentile
from tests.load.serving import CONNECTIONS, rank_requests, serving
from tests.load.traffic import browsing_events, now_text
from tests.load.visitors import events_body
from tests.load.wire import Connection, get, post, saturate, with_headers
from tests.stack import Running, Stack, poll_until

SLICES, SLICE_S = 5, 1.0
"""Of each kind of request and caller, in turn; the ratio of a run is the median of the slices'."""
ORIGIN = "https://shop.example"
POSTED, A_POST = 2000, 10


class Asked(NamedTuple):
    """Requests of one kind, and the gateway they are for."""

    gateway: Running
    requests: Sequence[bytes]


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    with serving(bed) as (_, free, visitors), serving(bed) as (stack, keyed, same):
        assert visitors == same, "both stacks have the same visitors"
        cases = _cases(stack, free, keyed, visitors)
        ratios: dict[str, list[float]] = {name: [] for name in cases if not name.endswith(".open")}
        for run in range(runs):
            costs = _costs_us(cases)
            for name, each in ratios.items():
                pairs = zip(costs[name], costs[name.split(".")[0] + ".open"], strict=True)
                each.append(percentile([with_key / without for with_key, without in pairs], 50))
            say(f"run {run + 1}: " + ", ".join(f"{n} {percentile(c, 50):.0f} µs" for n, c in costs.items()))
    load = (
        f"CPU of the gateway a request, against an open one in turn, {CONNECTIONS} connections, {runs} runs"
    )
    return [figure(f"keys.{name}_cpu_ratio", each, "ratio", load=load) for name, each in ratios.items()]


def _cases(stack: Stack, free: Running, keyed: Running, visitors: Sequence[VisitorId]) -> dict[str, Asked]:
    server, publishable = _make_keys(stack, keyed)
    plain = _plain_requests(visitors)
    cases = {f"{kind}.open": Asked(free, requests) for kind, requests in plain.items()}
    for kind, requests in plain.items():
        with_key = [with_headers(one, {"x-etalage-key": server}) for one in requests]
        cases[f"{kind}.server"] = Asked(keyed, with_key)
    page = {"x-etalage-key": publishable, "origin": ORIGIN}
    of_pages = [
        with_headers(one, page | {"x-etalage-visitor": _token(keyed, server, visitor)})
        for visitor, one in zip(visitors, plain["layout_get"], strict=True)
    ]
    return cases | {"layout_get.publishable": Asked(keyed, of_pages)}


def _costs_us(cases: dict[str, Asked]) -> dict[str, list[float]]:
    costs: dict[str, list[float]] = {name: [] for name in cases}
    for n in range(SLICES):
        for name in cases if n % 2 else reversed(cases):
            gateway, requests = cases[name]
            since = cpu_seconds(gateway.pid)
            _, times = saturate(
                gateway.address, requests, connections=CONNECTIONS, seconds=SLICE_S, without=b'"status":4'
            )
            costs[name].append((cpu_seconds(gateway.pid) - since) / len(times) * 1e6)
    return costs


def _plain_requests(visitors: Sequence[VisitorId]) -> dict[str, list[bytes]]:
    items = demo_items(ITEMS, at=datetime.now(UTC))
    ids = [item.item_id for item in items]
    prepared = browsing_events(items, visitors=500, count=POSTED, seed=3)
    events = [event.value(now_text()) for event in prepared]
    return {
        "layout_get": [get(f"/v1/layouts/home?visitor={quote(visitor)}") for visitor in visitors],
        "rank": rank_requests(visitors, ids, 100),
        "events": [
            post("/v1/events", events_body(events[n : n + A_POST])) for n in range(0, POSTED, A_POST)
        ],
    }  # fmt: skip


def _make_keys(stack: Stack, gateway: Running) -> tuple[str, str]:
    """A server and a publishable key that the gateway has read."""
    _create_key(stack, "signing")
    publishable = _create_key(stack, "publishable", "--origin", ORIGIN)
    server = _create_key(stack, "server")
    poll_until(lambda: _signs(gateway, server), within_s=60, what="the signing key in use")
    return server, publishable


def _create_key(stack: Stack, kind: str, *options: str) -> str:
    return str(orjson.loads(stack.run("keys", "create", "--kind", kind, "--json", *options))["key"])


def _ask_token(gateway: Running, server: str, visitor: str) -> tuple[int, bytes]:
    request = post("/v1/visitor-tokens", orjson.dumps({"visitor": visitor}))
    with Connection(gateway.address) as connection:
        return connection.ask(with_headers(request, {"x-etalage-key": server}))


def _signs(gateway: Running, server: str) -> bool:
    return _ask_token(gateway, server, "u:1")[0] == 200


def _token(gateway: Running, server: str, visitor: VisitorId) -> str:
    status, body = _ask_token(gateway, server, visitor)
    assert status == 200, body
    return str(orjson.loads(body)["token"])
