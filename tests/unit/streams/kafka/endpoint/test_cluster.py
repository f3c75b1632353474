"""How clients of Kafka connect, by the settings; and settings that cannot be meant."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.errors import InvalidSetting, ServiceMissing, StreamUnavailable
from streams.kafka.endpoint.cluster import (
    AdminTokenFile,
    TokenFile,
    admin_options,
    client_options,
    kafka_cluster,
)
from streams.runtime.settings import Settings, settings_from

LOGIN = {"kafka_security": "SASL_SSL", "kafka_username": "me"}


def settings(**given: Any) -> Settings:
    return msgspec.convert({"kafka": "a:1,b:2", **given}, Settings)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    return file


def test_without_security_everything_is_open() -> None:
    cluster = kafka_cluster(settings())
    assert client_options(cluster) == client_options("a:1,b:2")
    assert client_options(cluster) == {"bootstrap_servers": "a:1,b:2", "security_protocol": "PLAINTEXT"}
    assert admin_options(cluster)["bootstrap_servers"] == ["a:1", "b:2"]


def test_tls_checks_brokers_and_their_names() -> None:
    options = client_options(kafka_cluster(settings(kafka_security="SSL")))
    context = options["ssl_context"]
    assert options["security_protocol"] == "SSL"
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_password_is_read_for_each_client(secret: Path, mechanism: str) -> None:
    cluster = kafka_cluster(settings(**LOGIN, kafka_password_file=str(secret), kafka_sasl=mechanism))
    options = client_options(cluster)
    assert options["security_protocol"] == "SASL_SSL"
    assert (options["sasl_mechanism"], options["sasl_plain_username"]) == (mechanism, "me")
    assert options["sasl_plain_password"] == "s3cret"
    secret.write_text("newer")
    assert admin_options(cluster)["sasl_plain_password"] == "newer"
    assert "newer" not in f"{cluster}{cluster!r}"
    secret.unlink()
    with pytest.raises(StreamUnavailable, match="secret cannot be read"):
        client_options(cluster)


def test_a_token_is_read_for_each_connection(secret: Path) -> None:
    given = settings(kafka_security="SASL_SSL", kafka_sasl="OAUTHBEARER", kafka_token_file=str(secret))
    cluster = kafka_cluster(given)
    one = client_options(cluster)["sasl_oauth_token_provider"]
    other = admin_options(cluster)["sasl_oauth_token_provider"]
    assert (type(one), type(other)) == (TokenFile, AdminTokenFile)
    secret.write_text("newer\n")
    assert (asyncio.run(one.token()), other.token()) == ("newer", "newer")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kafka_security": "SASL_SSL"}, "ETALAGE_KAFKA_USERNAME is missing"),
        (LOGIN, "ETALAGE_KAFKA_PASSWORD_FILE is missing"),
        ({"kafka_security": "SASL_SSL", "kafka_sasl": "OAUTHBEARER"}, "ETALAGE_KAFKA_TOKEN_FILE is missing"),
        (
            {**LOGIN, "kafka_password_file": "/no/file"},
            "ETALAGE_KAFKA_PASSWORD_FILE: /no/file cannot be read",
        ),
        ({"kafka_ca": "ca.pem"}, "ETALAGE_KAFKA_SECURITY is PLAINTEXT: set it to SSL or SASL_SSL"),
        ({"kafka_username": "me"}, "ETALAGE_KAFKA_SECURITY is PLAINTEXT: set it to SASL_SSL"),
        ({"kafka_security": "SSL", "kafka_ca": "/no/ca"}, "ETALAGE_KAFKA_CA: /no/ca cannot be read"),
        ({"kafka_security": "SSL", "kafka_cert": __file__}, "no certificate and key that belong together"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidSetting, match=told):
        kafka_cluster(settings(**given))


@pytest.mark.parametrize("mechanism", ["PLAIN", "OAUTHBEARER"])
def test_what_shows_the_secret_needs_tls(secret: Path, mechanism: str) -> None:
    given = {
        "kafka_security": "SASL_PLAINTEXT", "kafka_sasl": mechanism, "kafka_username": "me",
        "kafka_password_file": str(secret), "kafka_token_file": str(secret),
    }  # fmt: skip
    assert kafka_cluster(settings(**given | {"kafka": "localhost:1,127.0.0.1:2,[::1]:3"})).tls is None
    for distant in ("broker:1", "localhost.shop.test:1", "127.shop.test:1"):
        with pytest.raises(InvalidSetting, match=r"unencrypted to .*take SASL_SSL"):
            kafka_cluster(settings(**given | {"kafka": f"localhost:1,{distant}"}))


def test_no_kafka_is_told() -> None:
    with pytest.raises(ServiceMissing, match="no Kafka is known"):
        kafka_cluster(Settings())


def test_more_in_sync_than_there_are_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="ETALAGE_MIN_INSYNC: at most ETALAGE_REPLICATION=2"):
        settings_from({"ETALAGE_REPLICATION": "2", "ETALAGE_MIN_INSYNC": "3"})
    assert settings_from({"ETALAGE_MIN_INSYNC": "3"}).min_insync == 3
