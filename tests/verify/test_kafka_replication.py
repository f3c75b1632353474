"""Two brokers: topics with replicas and min.insync.replicas, checked at boot; one of them goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from streams.kafka.admin import TopicsRefused, check_replication, list_topics, make_topics
from streams.local.servers.kafka import CLUSTER_ID, PROPERTIES, KafkaRecipe
from streams.local.servers.server import LocalServer
from streams.runtime.ports import HOST, free_port
from streams.runtime.settings import Settings
from tests.integration.shop_http import HttpClient, fill_shop, view
from tests.stack import Stack, poll_until
from tests.verify.kafka_server import format_data
from tests.verify.probes import wait_for_click


class NodeRecipe(KafkaRecipe):
    """A broker of a cluster whose first node is also its controller; it keeps everything on all nodes."""

    def __init__(self, number: int, controller: int, nodes: int) -> None:
        super().__init__()
        self._number, self._controller, self._nodes = number, controller, nodes

    def prepare(self, data: Path, port: int) -> list[str | Path]:
        base, properties = self._java_command(), data / "server.properties"
        text = PROPERTIES.format(host=HOST, port=port, controller=self._controller, logs=data / "logs")
        text = text.replace("node.id=1", f"node.id={self._number}")
        for topic in ("offsets.topic", "transaction.state.log"):
            text = text.replace(f"{topic}.replication.factor=1", f"{topic}.replication.factor={self._nodes}")
        if self._number > 1:
            text = text.replace("process.roles=broker,controller", "process.roles=broker")
            text = text.replace(f",CONTROLLER://{HOST}:{self._controller}", "")
        properties.write_text(text + "replica.lag.time.max.ms=3000\n")
        if not (data / "logs" / "meta.properties").exists():
            format_data(base, properties, CLUSTER_ID)
        return [*base, "kafka.Kafka", properties]


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LocalServer]]:
    folder, controller = tmp_path_factory.mktemp("brokers"), free_port()
    with ExitStack() as stack:
        yield [
            stack.enter_context(LocalServer(NodeRecipe(n, controller, 2), folder / f"kafka-{n}"))
            for n in (1, 2)
        ]


@pytest.fixture
def settings(brokers: list[LocalServer], namespace: str) -> Settings:
    kafka = ",".join(broker.address for broker in brokers)
    return Settings(kafka=kafka, namespace=namespace, partitions=2, replication=2, min_insync=2)


def test_topics_are_made_as_asked_and_others_are_refused(settings: Settings) -> None:
    states = make_topics(settings)
    assert {state.replicas for state in states} == {2}
    assert [state.replicas for state in list_topics(settings)] == [2] * len(states)
    check_replication(settings)
    lower = msgspec.structs.replace(settings, replication=1, min_insync=1)
    check_replication(lower)
    with pytest.raises(TopicsRefused, match=r"2 replica.* ETALAGE_REPLICATION asks for 3"):
        check_replication(msgspec.structs.replace(settings, replication=3))


def test_what_was_made_with_less_is_refused_at_boot(
    settings: Settings, redis_url: str, tmp_path: Path
) -> None:
    with Stack(tmp_path, settings.namespace, settings.kafka or "", redis_url) as stack:
        stack.run("topics", "create", "--partitions", "2")
        stack.settings = {"min_insync": "2"}
        told = "has min.insync.replicas=1, ETALAGE_MIN_INSYNC asks for 2"
        processes = [stack.start("worker"), stack.start("items")]
        assert told in stack.run_unchecked("doctor", "--json").stdout
        assert told in stack.run_unchecked("topics", "create", "--partitions", "2").stderr
        for process in processes:
            poll_until(lambda p=process: not p.alive, within_s=60, what="the end of a process")  # type: ignore[misc]
            assert told in process.log()


async def test_too_few_in_sync_refuse_and_take_it_up_again(
    brokers: list[LocalServer], settings: Settings, redis_url: str, tmp_path: Path
) -> None:
    durable = {"replication": "2", "min_insync": "2"}
    with Stack(tmp_path, settings.namespace, settings.kafka or "", redis_url, durable) as stack:
        await asyncio.to_thread(stack.run, "topics", "create", "--partitions", "2")
        await asyncio.to_thread(fill_shop, stack, tmp_path)
        worker, gateway = stack.start("worker"), stack.start("gateway")
        for running in (worker, gateway):
            await asyncio.to_thread(running.wait_ready, 90)
        async with HttpClient(gateway.address) as client:
            await wait_for_click(client)
            await asyncio.to_thread(brokers[1].kill)
            for attempt in range(3):
                (result,) = await client.post([view("me", "sneakers-0001", f"away-{attempt}")])
                assert result["status"] == "retry", "an event was accepted that one broker alone holds"
            await asyncio.to_thread(brokers[1].start)
            async with asyncio.timeout(60):
                while (await client.post([view("me", "sneakers-0001", "back")]))[0]["status"] == "retry":
                    pass
            await wait_for_click(client, within_s=60)
        assert worker.alive
