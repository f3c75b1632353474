"""Users of `etalage redis-acl`: all of ours works on a server that knows no others, and nothing else does."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from streams.kafka.partitioner import partition_of
from streams.local.servers.server import LocalServer
from streams.runtime.ports import HOST
from tests.integration.shop_http import HttpClient, fill_shop, view
from tests.stack import Running, Stack, poll_until
from tests.verify.probes import assert_told_once, reason_of, wait_for_click
from tests.verify.redis_servers import SecureRedisRecipe

NAMESPACE, PARTITIONS = "acl-test", 4
STATE, OWN, META = f"s:{{{NAMESPACE}.0}}:a:me", f"own:{{{NAMESPACE}.0}}", f"{NAMESPACE}:meta"
CHANNEL = f"n:{{{NAMESPACE}.0}}"
OTHERS_STATE = "s:{acl-test-2.0}:a:me"

ADVICE = "`etalage redis-acl` prints what each user of ours must be allowed"


class Guarded(Stack):
    """A stack whose processes are each a user of their own."""

    def as_user(self, role: str) -> dict[str, str]:
        """Settings of a process that is this user."""
        name = f"{NAMESPACE}-{role}"
        password = str(self.folder / "passwords" / name)
        return {"redis": self.redis.replace("://", f"://{name}@"), "redis_password_file": password}


@pytest.fixture(scope="module")
def stack(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("acl")
    made = Guarded(folder, NAMESPACE, kafka, "redis://nobody@unused")
    lines = made.run("redis-acl", "--passwords", str(folder / "passwords"))
    acl_file = folder / "users.acl"
    acl_file.write_text(lines)
    with LocalServer(SecureRedisRecipe(["--aclfile", acl_file]), folder / "redis") as server, made:
        made.redis = f"redis://{server.address}"
        made.settings = made.as_user("admin")
        made.run("topics", "create", "--partitions", str(PARTITIONS))
        fill_shop(made, folder)
        yield made


def client_of(stack: Guarded, role: str) -> Any:
    """A client that is this user."""
    settings = stack.as_user(role)
    password = Path(settings["redis_password_file"]).read_text().strip()
    port = int(stack.redis.rpartition(":")[2])
    return redis.Redis(HOST, port, username=f"{NAMESPACE}-{role}", password=password)


async def test_all_of_ours_works_with_these_users_alone(stack: Guarded) -> None:
    with client_of(stack, "worker") as client:
        partition = partition_of(b"a:spoiled", PARTITIONS)
        client.set(f"s:{{{NAMESPACE}.{partition}}}:a:spoiled", b"\x00garbage")
    worker = stack.start("worker", **stack.as_user("worker"))
    limits = {"shared_limits": "1", "visitor_rate": "1000"}
    gateway = stack.start("gateway", **limits, **stack.as_user("gateway"))
    items = stack.start("items")
    for running in (worker, gateway, items):
        await asyncio.to_thread(running.wait_ready, 90)
    async with HttpClient(gateway.address) as client:
        await client.post([view("spoiled", "sneakers-0001", "m1")])
        pushed = asyncio.create_task(_first_push(gateway.address))
        await wait_for_click(client)
        await wait_for_click(client)
        poll_until(lambda: "a:spoiled" in worker.log(100_000), within_s=30, what="a state is set aside")
        assert b"event:" in await pushed
    poll_until(lambda: reason_of(gateway) == "", within_s=30, what="nothing is wrong")
    assert "NOPERM" not in worker.log(100_000) + gateway.log(100_000)
    assert "limits are not shared" not in gateway.log(100_000)
    stack.settings = stack.as_user("admin")
    stack.run("keys", "list")
    stack.settings = stack.as_user("repair")
    assert "a:spoiled" in stack.run("visitor", "repair", "--all")
    with client_of(stack, "monitor") as monitor:
        assert monitor.info("memory")["maxmemory_policy"] == "noeviction"
    for running in (worker, gateway, items):
        await asyncio.to_thread(running.terminate)


async def _first_push(address: str) -> bytes:
    """The first change that a stream of the visitor's page tells, after what it begins with."""
    host, port = address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /v1/layouts/home/stream?visitor=a:me HTTP/1.1\r\nhost: test\r\n\r\n")
    async with asyncio.timeout(30):
        await reader.readuntil(b"event:")
        told = await reader.readuntil(b"event:")
    writer.close()
    return told


@pytest.mark.parametrize(
    ("role", "command"),
    [
        (role, command)
        for role in ("worker", "gateway", "repair", "admin", "monitor")
        for command in (
            ("FLUSHALL",), ("KEYS", "*"), ("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "GET", "*"),
            ("ACL", "LIST"), ("SHUTDOWN",), ("SCAN", "0"), ("CLIENT", "KILL", "ID", "1"),
            ("GET", OTHERS_STATE), ("SET", OTHERS_STATE, "x"), ("GET", "other:meta"), ("SUBSCRIBE", "x"),
            ("SSUBSCRIBE", "n:{acl-test-2.0}"), ("SPUBLISH", "n:{acl-test-2.0}", "x"),
            ("EVAL", "return redis.call('GET', KEYS[1])", "1", OTHERS_STATE),
        )
    ]
    + [
        ("gateway", ("SET", STATE, "x")), ("gateway", ("DEL", STATE)),
        ("gateway", ("SPUBLISH", CHANNEL, "x")), ("gateway", ("EVAL", "return 1", "0")),
        ("gateway", ("SET", META, "x")),
        ("worker", ("SSUBSCRIBE", CHANNEL)), ("worker", ("FUNCTION", "FLUSH")),
        ("worker", ("EVAL", "return redis.call('FLUSHALL')", "0")),
        ("admin", ("GET", STATE)), ("admin", ("HGETALL", OWN)), ("monitor", ("GET", META)),
    ],
)  # fmt: skip
def test_what_a_user_may_not_do_is_refused(stack: Guarded, role: str, command: tuple[str, ...]) -> None:
    with client_of(stack, role) as client, pytest.raises(redis.ResponseError) as caught:
        client.execute_command(*command)
    words = ("no permissions", "NOPERM", "ACL failure", "can't run this command")
    assert any(word in str(caught.value) for word in words), caught.value


def test_the_default_user_may_nothing(stack: Guarded) -> None:
    port = int(stack.redis.rpartition(":")[2])
    with redis.Redis(HOST, port) as client, pytest.raises(redis.AuthenticationError):
        client.get(META)


def test_a_process_with_the_rights_of_another_says_so(stack: Guarded) -> None:
    gateway = stack.start("gateway", **stack.as_user("monitor"))
    poll_until(lambda: ADVICE in _reason(gateway), within_s=60, what="the advice in /readyz")
    assert_told_once(gateway, ADVICE)
    worker = stack.start("worker", **stack.as_user("monitor"))
    poll_until(lambda: not worker.alive, within_s=60, what="the worker's end")
    assert ADVICE in worker.log()
    gateway.terminate()


def _reason(gateway: Running) -> str:
    return reason_of(gateway) if gateway.status() else ""


def test_passwords_are_kept_and_belong_to_one_account(stack: Guarded) -> None:
    folder = stack.folder / "passwords"
    before = (stack.folder / "users.acl").read_text()
    assert stack.run("redis-acl", "--passwords", str(folder)) == before
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().strip() not in before
