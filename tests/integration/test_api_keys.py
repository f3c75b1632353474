"""API keys on a real Redis with real gateways: made, listed, rotated, revoked; starts that are refused."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from streams.local.servers.redis import LocalRedis
from streams.runtime.ports import free_port, shared_socket
from streams.stores.api_keys import REMEMBER_REVOKED_S
from tests.stack import Stack, poll_until

SHOP = "https://shop.example"
NOWHERE = "127.0.0.1:1"
"""No Kafka is needed to say who may do what."""


@pytest.fixture
def stack(tmp_path: Path, redis_server: LocalRedis) -> Iterator[Stack]:
    folder = tmp_path / "stack"
    folder.mkdir()
    with Stack(folder, "keys", NOWHERE, redis_server.url, settings={"open": "auto"}) as made:
        yield made


def create(stack: Stack, *options: str) -> str:
    return str(json.loads(stack.run("keys", "create", "--json", *options))["key"])


def listed(stack: Stack) -> list[dict[str, object]]:
    text = stack.run("keys", "list", "--json")
    assert '"secret"' not in text
    assert '"digest"' not in text
    entries: list[dict[str, object]] = json.loads(text)
    return entries


def status(address: str, path: str, key: str = "", **headers: str) -> int:
    given = headers | ({"x-etalage-key": key} if key else {})
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"http://{address}{path}", headers=given), timeout=5
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        return exc.code


def test_keys_are_made_rotated_and_revoked_while_a_gateway_runs(
    stack: Stack, redis_server: LocalRedis
) -> None:
    gateway = stack.start("gateway")
    poll_until(gateway.status, within_s=60, what="the gateway")
    address, shop = gateway.address, "/v1/layouts/home?visitor=a:1"
    poll_until(lambda: status(address, shop) == 200, within_s=20, what="an open gateway")
    first = create(stack, "--kind", "server", "--note", "first")
    poll_until(lambda: status(address, shop) == 401, within_s=20, what="keys required")
    poll_until(lambda: status(address, shop, first) == 200, within_s=20, what="the first key heeded")
    second = create(stack, "--kind", "server")
    poll_until(lambda: status(address, shop, second) == 200, within_s=20, what="the second key heeded")
    assert status(address, shop, first) == 200
    stack.run("keys", "limit", second.split("_")[1], "--rate", "1000")
    assert [one["rate"] for one in listed(stack)] == [0.0, 1000.0]
    stack.run("keys", "revoke", first.split("_")[1])
    poll_until(lambda: status(address, shop, first) == 401, within_s=20, what="the revoked key refused")
    assert status(address, shop, second) == 200
    assert [bool(one.get("revoked")) for one in listed(stack)] == [True, False]
    redis_server.stop()
    for _ in range(5):
        assert (status(address, shop, second), status(address, shop, first)) == (200, 401)
    late = stack.start("gateway")
    poll_until(late.status, within_s=60, what="a gateway without Redis")
    assert (status(late.address, shop), status(late.address, "/livez")) == (200, 200)
    for key in ("", second):
        assert status(late.address, "/v1/visitors/a:1", key) == 503, (
            "keys may exist: a page about nobody alone"
        )
    shut = stack.start("gateway", open="0")
    poll_until(shut.status, within_s=60, what="a gateway that is never open")
    assert (status(shut.address, shop, second), status(shut.address, "/livez")) == (503, 200)
    assert "a:1" not in gateway.log() + late.log()
    assert second not in gateway.log() + late.log()


def test_a_gateway_on_a_network_starts_with_keys_alone(stack: Stack) -> None:
    refused = stack.start("gateway", host="0.0.0.0")
    assert refused.popen.wait(60) == 2
    assert "etalage keys create" in refused.log()
    said_so = stack.start("gateway", host="0.0.0.0", open="1")
    poll_until(lambda: "gateway is open" in said_so.log(), within_s=60, what="an open gateway")
    create(stack, "--kind", "admin", "--role", "read")
    keyed = stack.start("gateway", host="0.0.0.0")
    poll_until(keyed.status, within_s=60, what="a gateway with keys")


def test_the_admin_port_is_another(stack: Stack) -> None:
    port = free_port()
    gateway = stack.start("gateway", admin_address=f"127.0.0.1:{port}")
    poll_until(gateway.status, within_s=60, what="the gateway")
    poll_until(lambda: status(f"127.0.0.1:{port}", "/metrics") == 200, within_s=20, what="an open gateway")
    assert status(gateway.address, "/metrics") == 404
    assert status(f"127.0.0.1:{port}", "/v1/layouts/home?visitor=a:1") == 404


def test_gateways_share_the_admin_port_and_are_restarted_one_after_the_other(stack: Stack) -> None:
    admin_place = ("127.0.0.1", free_port())
    admin = f"127.0.0.1:{admin_place[1]}"
    gateways = [stack.start("gateway", admin_address=admin) for _ in range(2)]
    bound = shared_socket(*admin_place)  # of a gateway that boots, and does not listen yet
    for _ in range(2):
        for gateway in gateways:
            poll_until(gateway.status, within_s=60, what="a gateway")
            poll_until(lambda g=gateway: status(g.address, "/livez") == 200, within_s=20, what="its port")  # type: ignore[misc]
        poll_until(lambda: status(admin, "/metrics") == 200, within_s=20, what="open gateways")
        assert [status(admin, "/metrics") for _ in range(10)] == [200] * 10, "whichever of the two it is"
        assert gateways.pop(0).terminate() == 0
        assert status(admin, "/metrics") == 200, "the other one"
        gateways.append(stack.start("gateway", admin_address=admin))
    bound.close()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--kind", "root"], "--kind"), (["--kind", "admin"], "--role"),
        (["--kind", "server", "--role", "read"], "--role"),
        (["--kind", "admin", "--role", "erase"], "--role"), (["--kind", "publishable"], "--origin"),
        (["--kind", "publishable", "--origin", "shop.example"], "--origin"),
        (["--kind", "publishable", "--origin", f"{SHOP}/path"], "--origin"),
        (["--kind", "server", "--note", "x" * 101], "--note"),
    ],
)  # fmt: skip
def test_wrong_options_are_named(stack: Stack, options: list[str], named: str) -> None:
    done = stack.run_unchecked("keys", "create", *options)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert named in done.stderr
    assert listed(stack) == []


def test_what_is_stored(stack: Stack, redis_server: LocalRedis) -> None:
    client = redis.Redis.from_url(redis_server.url)
    client.hset("keys:keys", "old", json.dumps({"id": "old", "kind": "server", "created": 0, "revoked": 1}))
    client.hset("keys:keys", "newer", b'{"id": "newer", "kind": "of-another-version", "created": 1}')
    text = create(stack, "--kind", "publishable", "--origin", f"{SHOP}/", "--note", "shop")
    stored = {one["id"]: one for one in map(json.loads, client.hvals("keys:keys"))}
    assert set(stored) - {"newer"} == {one["id"] for one in listed(stack)}
    assert "old" not in stored, f"forgotten after {REMEMBER_REVOKED_S} s"
    kinds = sorted(str(one["kind"]) for one in listed(stack))
    assert kinds == ["publishable", "signing"], "with the first publishable key comes one that signs"
    publishable = stored[text.split("_")[1]]
    assert publishable["origins"] == [SHOP]
    assert text.split("_", 2)[2] not in json.dumps(publishable)
    assert stack.run_unchecked("keys", "revoke", "nobody").returncode == 2
    client.close()
