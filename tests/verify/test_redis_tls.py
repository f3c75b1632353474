"""Redis with TLS: each process of ours over a private CA, and what is told when it cannot connect."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from schemas.errors import StoreUnavailable
from streams.local.servers.server import LocalServer
from streams.runtime.settings import Settings
from streams.stores.redis.connection import ReconnectingConnection, run_blocking
from streams.stores.redis.endpoint.address import redis_address
from tests.integration.shop_http import HttpClient, fill_shop
from tests.stack import Stack, poll_until
from tests.verify.certificates import Authority, Certificate
from tests.verify.probes import assert_told_once, reason_of, wait_for_click
from tests.verify.redis_servers import SecureRedisRecipe

PASSWORD = "s3cret-and-long"


@pytest.fixture
def strict_redis(authority: Authority, server_certificate: Certificate) -> Iterator[LocalServer]:
    """A Redis that asks clients for a certificate and a password."""
    options = ("--tls-auth-clients", "yes", "--requirepass", PASSWORD)
    with LocalServer(SecureRedisRecipe(options, authority, server_certificate)) as server:
        yield server


def why_not(settings: Settings) -> str:
    """Why these settings do not connect."""
    with pytest.raises(StoreUnavailable) as caught:
        run_blocking(redis_address(settings), lambda connection: connection.call("PING"), within_s=5)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_a_certificate_that_is_not_trusted(tls_redis: LocalServer, tmp_path: Path) -> None:
    url = f"rediss://localhost:{tls_redis.port}"
    told = "set ETALAGE_REDIS_CA to the file of the CA that signed it"
    assert told in why_not(Settings(redis=url))
    other = Authority(tmp_path, "other")
    assert told in why_not(Settings(redis=url, redis_ca=str(other.ca)))


def test_the_authority_may_stand_in_the_settings_or_in_the_url(
    tls_redis: LocalServer, authority: Authority
) -> None:
    url = f"rediss://127.0.0.1:{tls_redis.port}"
    for settings in (
        Settings(redis=url, redis_ca=str(authority.ca)),
        Settings(redis=f"{url}/2?ssl_ca_certs={authority.ca}"),
    ):
        assert run_blocking(redis_address(settings), lambda c: c.call("PING"), within_s=5) == b"PONG"


def test_a_certificate_of_another_host(authority: Authority) -> None:
    elsewhere = authority.sign("elsewhere", "DNS:redis.shop.test")
    with LocalServer(SecureRedisRecipe((), authority, elsewhere)) as server:
        why = why_not(Settings(redis=f"rediss://localhost:{server.port}", redis_ca=str(authority.ca)))
    assert "write the host in ETALAGE_REDIS as the certificate names it" in why


def test_tls_where_none_is_spoken_and_none_where_it_is(tls_redis: LocalServer, redis_url: str) -> None:
    assert "write rediss:// in ETALAGE_REDIS" in why_not(Settings(redis=f"localhost:{tls_redis.port}"))
    why = why_not(Settings(redis=redis_url.replace("redis://", "rediss://")))
    assert "write redis:// instead of rediss://" in why


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_missing_client_certificate(strict_redis: LocalServer, authority: Authority, loop: str) -> None:
    settings = Settings(
        redis=f"rediss://:{PASSWORD}@localhost:{strict_redis.port}", redis_ca=str(authority.ca)
    )

    async def connect() -> str:
        async with ReconnectingConnection(redis_address(settings)) as connection:
            with pytest.raises(StoreUnavailable) as caught:
                await connection.call("PING")
            return str(caught.value)

    why = uvloop.run(connect()) if loop == "uvloop" else asyncio.run(connect())
    assert "set ETALAGE_REDIS_CERT and ETALAGE_REDIS_KEY" in why


def test_passwords_right_wrong_and_none(
    strict_redis: LocalServer, authority: Authority, client_certificate: Certificate, tmp_path: Path
) -> None:
    def settings(url: str, password_file: Path | None = None) -> Settings:
        return Settings(
            redis=url, redis_ca=str(authority.ca), redis_cert=str(client_certificate.certificate),
            redis_key=str(client_certificate.key),
            redis_password_file=None if password_file is None else str(password_file),
        )  # fmt: skip

    place = f"localhost:{strict_redis.port}"
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    right = settings(f"rediss://{place}", file)
    assert run_blocking(redis_address(right), lambda c: c.call("PING"), within_s=5) == b"PONG"
    assert "it asks for a password" in why_not(settings(f"rediss://{place}"))
    assert "user or password is wrong" in why_not(settings(f"rediss://:{PASSWORD}x@{place}"))


@pytest.fixture
def stack(
    kafka: str, namespace: str, tmp_path: Path, tls_redis: LocalServer, authority: Authority
) -> Iterator[Stack]:
    secured = {"redis_ca": str(authority.ca)}
    with Stack(tmp_path, namespace, kafka, f"rediss://localhost:{tls_redis.port}", secured) as made:
        made.run("topics", "create", "--partitions", "4")
        fill_shop(made, tmp_path)
        yield made


async def test_a_click_goes_through_every_process(stack: Stack) -> None:
    stack.start("worker")
    gateway = stack.start("gateway")
    for running in stack.running:
        await asyncio.to_thread(running.wait_ready, 90)
    async with HttpClient(gateway.address) as client:
        await wait_for_click(client)
    assert "at localhost:" in stack.run("doctor", "--json")
    stack.run("visitor", "show", "a:me", "--json")


def test_a_gateway_without_the_authority_says_why(stack: Stack) -> None:
    stack.settings = {}
    gateway = stack.start("gateway")  # not ready: it never read whether there are API keys
    poll_until(gateway.status, within_s=60, what="the gateway's status")
    advice = "set ETALAGE_REDIS_CA to the file of the CA that signed it"
    poll_until(lambda: advice in reason_of(gateway), within_s=10, what="the reason in /readyz")
    assert_told_once(gateway, advice)
    doctor = stack.run_unchecked("doctor", "--json")
    assert doctor.returncode == 1
    assert advice in doctor.stdout


def test_a_worker_without_the_authority_says_why(stack: Stack) -> None:
    stack.settings = {}
    worker = stack.start("worker")
    advice = "set ETALAGE_REDIS_CA to the file of the CA that signed it"
    poll_until(lambda: advice in worker.log(), within_s=30, what="the advice in the worker's log")
