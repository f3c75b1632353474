"""Wherever a password was written by mistake: no error, no state file and no finding repeats it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from schemas.errors import EtalageError
from streams.cli.gateway_client import request_gateway
from streams.gateway.http.listening import listen, listen_for_admin
from streams.kafka.endpoint.cluster import client_options, kafka_cluster
from streams.local.doctor import examine
from streams.local.instances import gateway_url, http_address, locate
from streams.local.up import LocalStack, ProcessCounts
from streams.local.up_status import UpStatus, write_up_status
from streams.runtime.settings import PREFIX, Settings, settings_from
from streams.runtime.telemetry.status_file import ProcessStatus, check_writable, write_status
from streams.shop.build import describe_ranker
from streams.stores.api_keys import refuse_unguarded
from streams.stores.redis.connection import run_blocking
from streams.stores.redis.endpoint.address import redis_address, without_password

CANARY = "s3cret-canary"
WAYS = [
    "redis://:{}@127.0.0.1:1/0", "redis://me:{}@127.0.0.1:1/0", "redis://:{}", "redis://me:{}/0", "me:{}@h:1",
    "me:{}", "redis://me:a@{}@127.0.0.1:1", "redis://me:{}/x@127.0.0.1:1", "redis://me:{}#x@127.0.0.1:1",
    "redis+sentinel://me:{}@127.0.0.1:1,127.0.0.1:1", "redis://127.0.0.1:1?password={}",
    "redis+sentinel://127.0.0.1:1/s?sentinel_password={}", "redis://127.0.0.1:port?password={}",
    "rediss://:{}@127.0.0.1:1?ssl_colour=red", "http://me:{}@[::1", "redis://me:{}@127.0.0.1:99999",
]  # fmt: skip
"""Right and wrong places of a password in an address."""
NAMES = [field.name for field in msgspec.structs.fields(Settings)]


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def users_of(settings: Settings) -> Iterator[Callable[[], Any]]:
    """All that makes something of settings, and fails with a line for a person."""
    yield (
        lambda: (
            settings.redis
            and run_blocking(redis_address(settings), lambda redis: redis.call("PING"), within_s=0.5)
        )
    )
    for security, sasl in (("SASL_SSL", "PLAIN"), ("SASL_SSL", "OAUTHBEARER"), ("SSL", "PLAIN")):
        secured = msgspec.structs.replace(
            settings, kafka=settings.kafka or "h:1", kafka_security=security, kafka_sasl=sasl,
            kafka_username=settings.kafka_username or "me",
        )  # fmt: skip
        yield lambda secured=secured: client_options(kafka_cluster(secured))  # type: ignore[misc]
    yield lambda: refuse_unguarded(msgspec.structs.replace(settings, open="0"), None)
    for bind in (lambda: [listen(settings)], lambda: listen_for_admin(settings)):
        yield lambda bind=bind: close_all(bind())  # type: ignore[misc]
    yield lambda: check_writable(settings.status)
    yield lambda: describe_ranker(settings.ranker)


def close_all(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def errors_of(env: dict[str, str]) -> list[str]:
    """All that is told of these settings."""
    try:
        settings = settings_from(env)
    except EtalageError as exc:
        return [str(exc)]
    told = []
    for use in users_of(settings):
        try:
            use()
        except (EtalageError, OSError) as exc:
            told.append(f"{exc} {exc!r}")
    return told


@pytest.mark.parametrize("name", NAMES)
def test_no_error_repeats_a_password(name: str) -> None:
    known_places = ("status", "data", "ranker", "shop_cache", "jars")  # a path without a scheme is a path
    for way in WAYS:
        value = way.format(CANARY)
        if "://" not in value and (name in known_places or name.endswith(("_ca", "_cert", "_key"))):
            continue
        with capture_logs() as lines:
            told = errors_of({PREFIX + name.upper(): value})
        assert CANARY not in f"{told} {lines}", value


@pytest.mark.parametrize("name", ["redis_password_file", "kafka_password_file", "kafka_token_file"])
def test_a_password_in_place_of_its_file_is_not_repeated(name: str) -> None:
    told = errors_of({f"{PREFIX}{name.upper()}": CANARY, "ETALAGE_REDIS": "127.0.0.1:1"})
    assert any("cannot be read: No such file" in text for text in told), told
    assert CANARY not in str(told)


@pytest.mark.parametrize("end", ["\n", "\r\nx: y", "\x00"])
def test_an_api_key_that_is_no_line_is_not_repeated(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "ETALAGE_KEY": CANARY + end})
    with pytest.raises(EtalageError, match="ETALAGE_KEY") as caught:
        request_gateway("http://127.0.0.1:1", "/livez")
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("url", [f"http://me:{CANARY}@h:1", f"http://me:{CANARY}@h:x", f"me:{CANARY}"])
def test_a_gateway_address_with_a_login_is_refused(url: str) -> None:
    with pytest.raises(EtalageError, match="--url") as caught:
        http_address(url)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_doctor_repeats_no_password(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETALAGE_REDIS", way.format(CANARY))
    told = ""
    with contextlib.suppress(EtalageError):
        told = str(examine())
    assert CANARY not in told


REDIS = f"redis://me:{CANARY}@127.0.0.1:1/3?client_name=x&password={CANARY}&ssl_p%61ssword={CANARY}"


def test_status_json_holds_no_password_and_belongs_to_one_account(tmp_path: Path) -> None:
    settings = Settings(kafka="k:1", redis=REDIS)
    status = LocalStack(settings, tmp_path, ProcessCounts())._status()
    path = tmp_path / "status.json"
    path.touch(mode=0o644)
    write_up_status(path, status)
    assert CANARY not in path.read_text()
    assert json.loads(path.read_text())["redis"] == "redis://me@127.0.0.1:1/3?client_name=x"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_up_is_found_without_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    up = UpStatus(
        pid=os.getpid(), namespace="shop", partitions=3, kafka="k:1", redis=without_password(REDIS),
        url="http://127.0.0.1:7777/", ready=True, data="data", servers={}, children={},
    )  # fmt: skip
    write_up_status(tmp_path / "data" / "status.json", up)
    assert locate().settings.redis == "redis://me@127.0.0.1:1/3?client_name=x"
    monkeypatch.setenv("ETALAGE_REDIS", REDIS)
    assert (locate().up, locate().settings.redis) == (up, REDIS)
    assert gateway_url(None) == "http://127.0.0.1:7777"


def test_a_process_s_status_is_private_too(tmp_path: Path) -> None:
    path = tmp_path / "run" / "worker.json"
    write_status(path, ProcessStatus(kind="worker", pid=1, ready=True))
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)] == [0o600, 0o700]
