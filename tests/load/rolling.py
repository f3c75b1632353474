"""Restarts: GETs while every process of a shop is restarted in turn, and how soon clicks count after a kill.

The shop is one that `etalage up` runs, with two workers and two gateways. The control is the same load on the
same shop before anything is restarted.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Callable

from schemas.ids import Version
from streams.kafka.partitioner import partition_of
from tests.load.bed import Bed
from tests.load.figures import Figure, figure, percentile
from tests.running_up import Up, command
from tests.shop_load import EVERY_S, SHOPPERS, Connection, ShopLoad, ask_version, post_view

CALM_S = 15.0
AFTER_S = 3.0
"""How long the load goes on after the last process is ready."""
STABLE_S = 65.0
"""So long a process must have run for its first end to wait for no longer backoff than the first."""
FRESH_WITHIN_S = 60.0
POLL_EVERY_S = 0.02


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    calm, restarted, failed, fresh = [], [], [], []
    for run in range(runs):
        namespace = f"b{uuid.uuid4().hex[:8]}"
        options = ("--no-shoppers", "--workers", "2", "--namespace", namespace)
        with Up(bed.folder / namespace, *options, kafka=bed.kafka, redis=bed.redis) as up:
            began = time.monotonic()
            partitions = int(up.await_ready()["partitions"])
            calm.append(percentile(asyncio.run(_calm(up)).latencies_ms(), 99.9))
            time.sleep(max(0.0, began + STABLE_S - time.monotonic()))
            fresh.append(asyncio.run(_kill_worker(up, partitions)) * 1000)
            up.await_ready()
            load = asyncio.run(_restart_all(up))
            restarted.append(percentile(load.latencies_ms(), 99.9))
            failed.append(float(load.failed().total()))
        say(
            f"run {run + 1}: p99.9 {restarted[-1]:.0f} ms, {calm[-1]:.0f} ms before; "
            f"{failed[-1]:.0f} failed, fresh after {fresh[-1]:.0f} ms"
        )
    load_text = f"{(SHOPPERS + 1) / EVERY_S:.0f} requests/s, open loop, a fifth of them posts, {runs} runs"
    return [
        figure("rolling.calm_p999_ms", calm, "ms", load=f"nothing is restarted, {load_text}"),
        figure("rolling.get_p999_ms", restarted, "ms", load=f"all processes restarted in turn, {load_text}"),
        figure("rolling.failed", failed, "requests", load=f"refused, reset or not 200, {load_text}"),
        figure(
            "failover.fresh_ms", fresh, "ms",
            load=f"SIGKILL of one of two workers to a click of every partition shown, {runs} runs",
        ),
    ]  # fmt: skip


async def _calm(up: Up) -> ShopLoad:
    load = ShopLoad(up.address)
    async with load.running():
        await asyncio.sleep(CALM_S)
    return load


async def _restart_all(up: Up) -> ShopLoad:
    load = ShopLoad(up.address)
    async with load.running():
        done = await asyncio.to_thread(command, "restart", "--data", str(up.folder), within_s=600)
        await asyncio.sleep(AFTER_S)
    assert done.returncode == 0, done.stderr + up.output()
    return load


async def _kill_worker(up: Up, partitions: int) -> float:
    """Seconds from the kill until a click of a visitor of every partition is in that visitor's layout."""
    host, _, port = up.address.rpartition(":")
    visitors: dict[int, str] = {}
    for number in range(100 * partitions):
        name = f"failover-{number}"
        visitors.setdefault(partition_of(f"a:{name}".encode(), partitions), name)
    connection = Connection(host, int(port))
    killed_at = time.monotonic()
    os.kill(up.pid_of("worker-1"), signal.SIGKILL)
    tokens = {name: await post_view(connection, name) for name in visitors.values()}
    for name, token in tokens.items():
        await _await_fresh(connection, name, token)
    connection.close()
    return time.monotonic() - killed_at


async def _await_fresh(connection: Connection, name: str, token: Version) -> None:
    async with asyncio.timeout(FRESH_WITHIN_S):
        while True:
            version = await ask_version(connection, name)
            if version is not None and version.offset >= token.offset:
                return
            await asyncio.sleep(POLL_EVERY_S)
