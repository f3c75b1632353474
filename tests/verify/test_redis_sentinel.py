"""Redis behind Sentinels: a master that dies is replaced, and states stay the fold of the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec import Struct

from schemas.errors import StoreUnavailable
from schemas.topics import EVENTS
from streams.local.servers.server import LocalServer
from streams.runtime.ports import HOST
from streams.stores.provisioning import read_meta_sync
from streams.stores.redis.connection import ReconnectingConnection, run_blocking
from tests.faults.oracle import differences, fold_log, stored_states
from tests.integration.shop_http import HttpClient, fill_shop
from tests.stack import Stack, poll_until
from tests.verify.probes import reason_of, wait_for_click
from tests.verify.redis_servers import SecureRedisRecipe, SentinelRecipe, command_line

SERVICE = "shop"
PARTITIONS = 4
FAILOVER_WITHIN_S = 20.0
"""Half a second until Sentinels miss a master, the vote, our own pauses: 2 s on an idle machine."""


class Guarded(Struct):
    """A master, its replica and three Sentinels."""

    first: LocalServer
    second: LocalServer
    sentinels: list[LocalServer]

    @property
    def url(self) -> str:
        hosts = ",".join(sentinel.address for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}"

    def master(self) -> int:
        """Its port, as the first Sentinel that runs sees it."""
        running = next(sentinel for sentinel in self.sentinels if sentinel.pid)
        _, port = command_line(running, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return int(port)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    with ExitStack() as stack:
        first = stack.enter_context(LocalServer(SecureRedisRecipe(), tmp_path / "first"))
        recipe = SecureRedisRecipe(["--replicaof", HOST, str(first.port)])
        second = stack.enter_context(LocalServer(recipe, tmp_path / "second"))
        sentinels = [
            stack.enter_context(LocalServer(SentinelRecipe(SERVICE, first, 2), tmp_path / f"sentinel-{n}"))
            for n in range(3)
        ]
        made = Guarded(first, second, sentinels)
        for sentinel in sentinels:  # a vote needs all of them to know each other and the replica
            poll_until(lambda s=sentinel: knows_all(s), within_s=30, what="Sentinels that know each other")  # type: ignore[misc]
        yield made


def knows_all(sentinel: LocalServer) -> bool:
    words = command_line(sentinel, "SENTINEL", "MASTER", SERVICE)
    seen = words if isinstance(words, dict) else dict(zip(words[::2], words[1::2], strict=True))
    return int(seen["num-other-sentinels"]) == 2 and int(seen["num-slaves"]) == 1 and replicates(sentinel)


def replicates(sentinel: LocalServer) -> bool:
    """Whether the replica's link to its master is up, as this Sentinel sees it."""
    (replica,) = command_line(sentinel, "SENTINEL", "REPLICAS", SERVICE)
    seen = replica if isinstance(replica, dict) else dict(zip(replica[::2], replica[1::2], strict=True))
    return bool(seen["master-link-status"] == "ok")


@pytest.mark.timeout(200)
async def test_a_killed_master_is_replaced(
    guarded: Guarded, kafka: str, namespace: str, tmp_path: Path
) -> None:
    with Stack(tmp_path, namespace, kafka, guarded.url) as stack:
        await asyncio.to_thread(stack.run, "topics", "create", "--partitions", str(PARTITIONS))
        await asyncio.to_thread(fill_shop, stack, tmp_path)
        worker, gateway = stack.start("worker"), stack.start("gateway")
        for running in (worker, gateway):
            await asyncio.to_thread(running.wait_ready, 90)
        async with HttpClient(gateway.address) as client:
            await wait_for_click(client)
            await fail_over(guarded, guarded.first, guarded.second, client)
        assert worker.alive
        assert reason_of(gateway) == ""
        compare_states(f"redis://{HOST}:{guarded.master()}/0", stack)


async def fail_over(guarded: Guarded, old: LocalServer, new: LocalServer, client: HttpClient) -> None:
    """Kill the master, see a click through the next one, and bring the old one back as its replica."""
    assert guarded.master() == old.port
    await asyncio.to_thread(old.kill)
    await wait_for_click(client, within_s=FAILOVER_WITHIN_S)
    assert guarded.master() == new.port
    await asyncio.to_thread(old.start)
    for sentinel in guarded.sentinels:
        await asyncio.to_thread(
            poll_until, lambda s=sentinel: knows_all(s), within_s=40, what="the old master as a replica"
        )
    await wait_for_click(client)


def compare_states(url: str, stack: Stack) -> None:
    """Every state in the new master must be the fold of the log."""
    incarnation = read_meta_sync(url, stack.namespace).incarnation
    truth = fold_log(stack.kafka, EVENTS.full_name(stack.namespace), PARTITIONS, incarnation)
    assert truth.states
    poll_until(
        lambda: not differences(truth, stored_states(url, stack.namespace)),
        within_s=30, what="states that are the fold of the log",
    )  # fmt: skip


async def test_a_connection_leaves_a_master_that_was_demoted(guarded: Guarded) -> None:
    """By hand, without any help of the Sentinels: a write is refused, and a reader notices by itself."""
    for sentinel in guarded.sentinels[1:]:
        await asyncio.to_thread(sentinel.stop)
    async with ReconnectingConnection(guarded.url, stuck_s=0.3) as connection:
        assert await connection.call("SET", "a", "1") == b"OK"
        first = connection.current
        await asyncio.to_thread(command_line, guarded.first, "REPLICAOF", HOST, str(guarded.second.port))
        await asyncio.to_thread(
            poll_until, lambda: connection.current is not first, within_s=10, what="the end of the connection"
        )


async def test_a_sentinel_that_hangs_or_is_gone_is_passed_over(guarded: Guarded) -> None:
    guarded.sentinels[0].pause()
    await asyncio.to_thread(guarded.sentinels[1].kill)
    async with ReconnectingConnection(guarded.url) as connection:
        assert await connection.call("PING") == b"PONG"
    guarded.sentinels[0].resume()


def test_what_sentinels_do_not_know_is_told(guarded: Guarded) -> None:
    url = guarded.url.removesuffix(SERVICE) + "other"
    with pytest.raises(StoreUnavailable, match=r"no Sentinel names a master: .* knows no service 'other'"):
        run_blocking(url, lambda connection: connection.call("PING"), within_s=5)
    for sentinel in guarded.sentinels:
        sentinel.kill()
    with pytest.raises(StoreUnavailable, match=r"no Sentinel names a master: .*Connection refused"):
        run_blocking(guarded.url, lambda connection: connection.call("PING"), within_s=5)
