"""What the gateway costs: a stored layout against bare ASGI + Redis GET, and ranking a given list."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

import orjson

from schemas.ids import VisitorId
from streams.demo.catalogue import demo_items
from streams.kafka.partitioner import partition_of
from streams.stores.keys import Keys
from tests.load.bed import ITEMS, PARTITIONS, Bed, open_redis
from tests.load.figures import Figure, figure, percentile
from tests.load.twin import twin_gateway, twin_worker
from tests.load.visitors import walk_in
from tests.load.wire import Connection, get, post, saturate
from tests.stack import Running, Stack, poll_until

VISITORS, EACH = 200, 6
CONNECTIONS = 16
SLICES = 8
"""Of a second each, ours and the bare server in turn: what a neighbour takes, it takes from both."""
RANK_SIZES = (25, 100, 200, 300)
RANK_REQUESTS = 600


@contextmanager
def serving(bed: Bed) -> Iterator[tuple[Stack, Running, list[VisitorId]]]:
    """A stack with a worker, a gateway and visitors whose home page is stored."""
    with bed.stack() as stack:
        stack.start("worker").wait_ready()
        gateway = stack.start("gateway").wait_ready()
        yield stack, gateway, walk_in(stack, gateway, visitors=VISITORS, each=EACH)


class Control(NamedTuple):
    """The running control app."""

    address: str
    pid: int


@contextmanager
def control(stack: Stack, key: str, app: str = "app") -> Iterator[Control]:
    """A bare ASGI app of `controls` under the same server with the same options."""
    sock = stack.folder / "control.port"
    code = (
        "import uvicorn, socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(512);"
        f"open({str(sock)!r}, 'w').write('127.0.0.1:%d' % s.getsockname()[1]);"
        f"uvicorn.Server(uvicorn.Config({f'tests.load.controls:{app}'!r}, loop='uvloop', http='httptools',"
        " access_log=False, log_level='warning')).run(sockets=[s])"
    )
    env = os.environ | {"CONTROL_REDIS": stack.redis, "CONTROL_KEY": key}
    process = subprocess.Popen([sys.executable, "-c", code], env=env)
    try:
        address = poll_until(lambda: sock.exists() and sock.read_text(), within_s=20, what="the control app")
        yield Control(str(address), process.pid)
    finally:
        process.kill()  # open streams would keep it from ending by itself
        process.wait(10)
        sock.unlink()


def measure_layout_get(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    rates, tails, ratios = [], [], []
    with serving(bed) as (stack, gateway, visitors):
        paths = [f"/v1/layouts/home?visitor={quote(v)}" for v in visitors]
        key = _same_bytes(stack, gateway, paths[0])
        requests = [get(path) for path in paths]
        with control(stack, key) as bare:
            for run in range(runs):
                ceiling = rate = 0.0
                times: list[float] = []
                for _ in range(SLICES):
                    bare_rate, _ = saturate(bare.address, [get("/")], connections=CONNECTIONS, seconds=1.0)
                    own_rate, own = saturate(gateway.address, requests, connections=CONNECTIONS, seconds=1.0)
                    ceiling, rate, times = ceiling + bare_rate / SLICES, rate + own_rate / SLICES, times + own
                rates.append(rate)
                tails.append(percentile(times, 99))
                ratios.append(rate / ceiling)
                say(f"run {run + 1}: {rate:,.0f} requests/s, bare {ceiling:,.0f}")
    load = f"{CONNECTIONS} keep-alive connections kept busy, {SLICES} times 1 s, {runs} runs"
    ceiling_load = "bare ASGI + Redis GET of the same bytes, in turn, " + load
    return [
        figure("layout_get.requests_per_second", rates, "requests/s", load=load),
        figure("layout_get.p99_ms", tails, "ms", load=load),
        figure("layout_get.ceiling_ratio", ratios, "ratio", load=ceiling_load),
    ]  # fmt: skip


def _same_bytes(stack: Stack, gateway: Running, path: str) -> str:
    """Store one answer's bytes for the control to serve; its key."""
    with Connection(gateway.address) as connection:
        status, body = connection.ask(get(path))
    assert status == 200
    assert orjson.loads(body)["mode"] == "full", body[:300]
    open_redis(stack.redis).set("bench:layout", body)
    return "bench:layout"


def measure_rank(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    ids = [item.item_id for item in demo_items(ITEMS, at=datetime.now(UTC))]
    medians: dict[int, list[float]] = {size: [] for size in RANK_SIZES}
    tails: dict[int, list[float]] = {size: [] for size in RANK_SIZES}
    floors, twins = [], []
    with (
        serving(bed) as (stack, gateway, visitors),
        _one_state(stack, visitors) as bare,
        _twin_with_history(stack) as twin,
    ):
        for _ in range(runs):
            floors.append(percentile(sequential(bare.address, [get("/")]), 50))
            twins.append(percentile(sequential(twin, rank_requests(visitors, ids, 100)), 50))
            for size in RANK_SIZES:
                times = sequential(gateway.address, rank_requests(visitors, ids, size))
                medians[size].append(percentile(times, 50))
                tails[size].append(percentile(times, 99))
            say(f"100 items: {medians[100][-1]:.2f} ms, floor {floors[-1]:.2f}, twin {twins[-1]:.2f}")
    load = f"sequential client, {RANK_REQUESTS} requests, {runs} runs"
    return [
        figure("rank.floor_p50_ms", floors, "ms", load="bare ASGI with one Redis read, " + load),
        figure("rank.twin_100_p50_ms", twins, "ms", load="the careless twin, " + load),
        *(figure(f"rank.{size}.p50_ms", medians[size], "ms", load=load) for size in RANK_SIZES),
        *(figure(f"rank.{size}.p99_ms", tails[size], "ms", load=load) for size in RANK_SIZES),
    ]


@contextmanager
def _twin_with_history(stack: Stack) -> Iterator[str]:
    """The address of a twin that has counted what the visitors did."""
    with twin_worker(stack, from_start=True) as worker:
        poll_until(lambda: worker.done() >= VISITORS * EACH, within_s=60, what="the twin's history")
        with twin_gateway(stack, worker.prefix) as address:
            yield address


def _one_state(stack: Stack, visitors: Sequence[VisitorId]) -> AbstractContextManager[Control]:
    """The control app, which reads one visitor's state."""
    partition = partition_of(visitors[0].encode(), PARTITIONS)
    return control(stack, Keys(stack.namespace).state(partition, visitors[0]))


def rank_requests(visitors: Sequence[VisitorId], ids: Sequence[str], size: int) -> list[bytes]:
    bodies = []
    for n, visitor in enumerate(visitors):
        start = (n * 37) % (len(ids) - size)
        bodies.append(orjson.dumps({"visitor": visitor, "items": ids[start : start + size]}))
    return [post("/v1/rank", body) for body in bodies]


def sequential(
    address: str,
    requests: Sequence[bytes],
    count: int = RANK_REQUESTS,
    *,
    warm_up: int = 50,
    within_s: float = 60,
) -> list[float]:
    """Times in ms of `count` requests, one after another, after a warm-up; fewer when time is up."""
    times: list[float] = []
    until = time.monotonic() + within_s
    with Connection(address) as connection:
        for n in range(count + warm_up):
            if time.monotonic() > until and len(times) > warm_up:
                break
            start = time.monotonic()
            status, body = connection.ask(requests[n % len(requests)])
            times.append((time.monotonic() - start) * 1000)
            assert status == 200, body
    return times[warm_up:]
