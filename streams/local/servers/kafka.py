"""Runs our own Kafka: one KRaft node of Apache Kafka, broker and controller in one small process."""

from __future__ import annotations

import socket
import struct
import subprocess
from pathlib import Path

from schemas.errors import ServiceMissing
from streams.local.servers.jars import fetch_kafka_jars
from streams.local.servers.java import find_java
from streams.local.servers.server import LocalServer
from streams.runtime.ports import HOST, free_port

CLUSTER_ID = "ZXRhbGFnZS1sb2NhbC0xMQ"
"""22 characters of base64, as Kafka wants them; the same for every data folder."""
HEAP = "-Xmx512m"
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=BROKER://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=BROKER://{host}:{port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs={logs}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.threads=1
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=1
controlled.shutdown.enable=false
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""
"""One node: replication factor 1 everywhere, and no controlled shutdown, since no other node could take over.
A killed broker can register again only once its session expired, hence the short session timeout."""

API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)  # size, key, version, correlation id, no client id


class LocalKafka(LocalServer):
    """A Kafka broker whose data folder is formatted once, so that topics and records survive a restart.

    `jars` is the folder that Kafka's jars are kept in; None for `default_cache`.
    """

    def __init__(
        self, data: Path | str | None = None, *, port: int | None = None, jars: Path | str | None = None
    ) -> None:
        super().__init__(KafkaRecipe(jars), data, port=port)


class KafkaRecipe:
    """Recipe of a Kafka broker."""

    name = "kafka"
    starts_within_s = 90.0
    stops_within_s = 20.0

    def __init__(self, jars: Path | str | None = None) -> None:
        self._cache = jars

    def prepare(self, data: Path, port: int) -> list[str | Path]:
        """Write server.properties, format an empty data folder and return the command.

        Raises ServiceMissing when there is no Java, the jars cannot be fetched, or formatting fails.
        """
        base = self._java_command()
        properties = data / "server.properties"
        properties.write_text(
            PROPERTIES.format(host=HOST, port=port, controller=free_port(), logs=data / "logs")
        )
        if not (data / "logs" / "meta.properties").exists():
            _format(base, properties)
        return [*base, "kafka.Kafka", properties]

    def answers(self, port: int) -> bool:
        """Whether an ApiVersions request is answered, which a broker does once clients may connect."""
        try:
            with socket.create_connection((HOST, port), timeout=2.0) as sock:
                sock.sendall(API_VERSIONS)
                answer = sock.recv(10)
                return len(answer) == 10 and answer[8:10] == b"\0\0"
        except OSError:
            return False

    def port_was_taken(self, log_text: str) -> bool:
        """Whether the log says that another program listens on a port."""
        return "Address already in use" in log_text

    def _java_command(self) -> list[str | Path]:
        classpath = ":".join(map(str, fetch_kafka_jars(self._cache)))
        return [
            # The optimizing compiler and a concurrent collector took half a core of a small machine.
            find_java(), HEAP, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true", "-cp", classpath,
        ]  # fmt: skip


def _format(base: list[str | Path], properties: Path) -> None:
    command = [*base, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", properties]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise ServiceMissing(
            f"kafka's data folder could not be formatted: {lines[-1] if lines else 'no reason'}"
        )
