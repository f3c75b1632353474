"""A user of Redis that may not look for states that were set aside: who it is, and who may, is told."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
import redis

from schemas.errors import ServiceMissing
from streams.cli.inspect.visitor_repair import list_quarantined
from streams.local.doctor import Finding, examine
from streams.local.servers.redis import LocalRedis
from streams.runtime.settings import PREFIX, read_settings
from streams.stores.namespace_meta import Meta
from streams.stores.redis.endpoint.acl import keep_passwords, redis_users

NAMESPACE = "rights"


@pytest.fixture(params=["worker", "gateway", "admin", "monitor", "repair"])
def role(
    request: pytest.FixtureRequest, redis_server: LocalRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The settings name this user of a Redis that holds a namespace."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    passwords = keep_passwords(NAMESPACE, tmp_path / "passwords")
    with redis.Redis.from_url(redis_server.url) as client:
        client.set(f"{NAMESPACE}:meta", msgspec.json.encode(Meta(topic_id="topic", partitions=2)))
        for one in redis_users(NAMESPACE):
            client.execute_command("ACL", "SETUSER", *one.line(passwords[one.name]).split()[1:])
    chosen = str(request.param)
    name = f"{NAMESPACE}-{chosen}"
    monkeypatch.setenv("ETALAGE_REDIS", redis_server.url.replace("://", f"://{name}@"))
    monkeypatch.setenv("ETALAGE_REDIS_PASSWORD_FILE", str(tmp_path / "passwords" / name))
    monkeypatch.setenv("ETALAGE_NAMESPACE", NAMESPACE)
    monkeypatch.setenv("ETALAGE_DATA", str(tmp_path))
    return chosen


async def test_doctor_and_visitor_commands_say_whose_right_is_missing(role: str) -> None:
    (found,) = [one for one in examine() if one.what == "quarantine"]
    if role == "repair":
        assert found == Finding("quarantine", "ok", "no visitor's state is set aside")
        assert await list_quarantined(read_settings()) == []
        return
    with pytest.raises(ServiceMissing) as caught:
        await list_quarantined(read_settings())
    assert found.state == "warn"
    for text in (found.found, str(caught.value)):
        for words in (
            f"user {NAMESPACE}-{role} of Redis",
            "NOPERM",
            f"redis://{NAMESPACE}-repair@…",
            "redis-acl",
        ):
            assert words in text
    assert "visitor repair" in found.found
