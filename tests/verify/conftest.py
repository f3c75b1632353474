"""Certificates for this machine, and a Redis that speaks TLS alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streams.local.servers.server import LocalServer
from tests.verify.certificates import Authority, Certificate
from tests.verify.redis_servers import SecureRedisRecipe

HERE = ("DNS:localhost", "IP:127.0.0.1")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A private CA that no machine trusts by itself."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def server_certificate(authority: Authority) -> Certificate:
    return authority.sign("server", *HERE)


@pytest.fixture(scope="session")
def client_certificate(authority: Authority) -> Certificate:
    return authority.sign("client")


@pytest.fixture(scope="session")
def tls_redis(authority: Authority, server_certificate: Certificate) -> Iterator[LocalServer]:
    """A Redis without users whose certificate the private CA signed."""
    with LocalServer(SecureRedisRecipe((), authority, server_certificate)) as server:
        yield server
