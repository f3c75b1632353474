"""Where Kafka is and how clients of ours connect to it: read once from the settings.

Producers, readers, Faust's consumer and the admin client all take their options from here.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from kafka.net.sasl.oauth import AbstractTokenProvider as AdminTokenProvider
from msgspec import Struct

from schemas.errors import InvalidSetting, ServiceMissing, StreamUnavailable, error_text
from streams.runtime.settings import NO_KAFKA, Settings, secret_file_text

LOOPBACK = re.compile(r"(localhost|127\.[0-9.]+|\[::1\]):\d+")
"""Addresses of this machine."""

SENT_AS_IT_IS = ("PLAIN", "OAUTHBEARER")
"""Mechanisms that show the password or token to whoever listens; SCRAM only proves to know it."""


class SaslLogin(Struct, frozen=True, kw_only=True):
    """Who we are; the files are read for each connection or client, so that what they hold may change."""

    mechanism: str
    username: str | None = None
    password_file: str | None = None
    token_file: str | None = None


class KafkaCluster(Struct, frozen=True):
    """`servers` is `host:port[,host:port…]`; without `tls` and `login` everything is open."""

    servers: str
    tls: ssl.SSLContext | None = None
    login: SaslLogin | None = None

    @property
    def protocol(self) -> str:
        """As Kafka's `security.protocol` calls it."""
        if self.login is None:
            return "PLAINTEXT" if self.tls is None else "SSL"
        return "SASL_PLAINTEXT" if self.tls is None else "SASL_SSL"

    def __str__(self) -> str:
        return self.servers


Kafka = KafkaCluster | str
"""A cluster of the settings; or bootstrap addresses, `host:port[,host:port…]`, of one that is open."""


class TokenFile(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """Gives aiokafka the token that a file holds now."""

    def __init__(self, path: str) -> None:
        self.path = path

    async def token(self) -> str:
        return read_secret(self.path)


class AdminTokenFile(AdminTokenProvider):  # type: ignore[misc]  # kafka-python has no types
    """Gives kafka-python the token that a file holds now."""

    def __init__(self, path: str) -> None:
        self.path = path

    def token(self) -> str:
        return read_secret(self.path)


def kafka_cluster(settings: Settings) -> KafkaCluster:
    """The Kafka of these settings.

    Raises:
        ServiceMissing: none is set.
        InvalidSetting: a setting is missing or of no use with the others, a file cannot be read, or a
            password would be sent unencrypted to another machine.
    """
    if not settings.kafka:
        raise ServiceMissing(NO_KAFKA)
    protocol = settings.kafka_security
    _refuse_useless(settings)
    login = _login(settings) if protocol.startswith("SASL") else None
    if protocol == "SASL_PLAINTEXT" and login is not None and login.mechanism in SENT_AS_IT_IS:
        _refuse_distant(settings.kafka, login.mechanism)
    return KafkaCluster(settings.kafka, _tls(settings) if protocol.endswith("SSL") else None, login)


def client_options(kafka: Kafka) -> dict[str, Any]:
    """How aiokafka's clients find a cluster and introduce themselves.

    Raises:
        StreamUnavailable: the password file cannot be read.
    """
    cluster = KafkaCluster(kafka) if isinstance(kafka, str) else kafka
    options: dict[str, Any] = {"bootstrap_servers": cluster.servers, "security_protocol": cluster.protocol}
    if cluster.tls is not None:
        options["ssl_context"] = cluster.tls
    if cluster.login is not None:
        options |= _sasl_options(cluster.login, TokenFile)
    return options


def admin_options(cluster: KafkaCluster) -> dict[str, Any]:
    """The same for kafka-python's admin client; raises as client_options."""
    options = client_options(cluster) | {"bootstrap_servers": cluster.servers.split(",")}
    if cluster.login is not None:
        options |= _sasl_options(cluster.login, AdminTokenFile)
    return options


def read_secret(path: str) -> str:
    """What the file holds, without the line's end; StreamUnavailable when it cannot be read."""
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else error_text(exc)
        raise StreamUnavailable(f"Kafka: {secret_file_text(path)} cannot be read: {why}") from None


def _sasl_options(login: SaslLogin, token_file: type[TokenFile] | type[AdminTokenFile]) -> dict[str, Any]:
    options: dict[str, Any] = {"sasl_mechanism": login.mechanism}
    if login.token_file is not None:
        return options | {"sasl_oauth_token_provider": token_file(login.token_file)}
    password = read_secret(login.password_file or "")
    return options | {"sasl_plain_username": login.username, "sasl_plain_password": password}


def _login(settings: Settings) -> SaslLogin:
    needed: dict[str, str | None]
    if settings.kafka_sasl == "OAUTHBEARER":
        needed = {"token_file": settings.kafka_token_file}
    else:
        needed = {"username": settings.kafka_username, "password_file": settings.kafka_password_file}
    for name, value in needed.items():
        if value is None:
            raise InvalidSetting(
                f"ETALAGE_KAFKA_{name.upper()} is missing: ETALAGE_KAFKA_SECURITY={settings.kafka_security} "
                f"with ETALAGE_KAFKA_SASL={settings.kafka_sasl} needs it"
            )
        if name.endswith("file"):
            _refuse_unreadable(value, f"ETALAGE_KAFKA_{name.upper()}", shown=secret_file_text(value))
    return SaslLogin(mechanism=settings.kafka_sasl, **needed)


def _tls(settings: Settings) -> ssl.SSLContext:
    files = {
        "ETALAGE_KAFKA_CA": settings.kafka_ca,
        "ETALAGE_KAFKA_CERT": settings.kafka_cert,
        "ETALAGE_KAFKA_KEY": settings.kafka_key,
    }
    for name, path in files.items():
        if path is not None:
            _refuse_unreadable(path, name)
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca)
        if settings.kafka_cert is not None:
            context.load_cert_chain(settings.kafka_cert, settings.kafka_key)
    except ssl.SSLError as exc:
        given = ", ".join(path for path in files.values() if path is not None)
        raise InvalidSetting(f"Kafka: no certificate and key that belong together in {given}: {exc}") from exc
    return context


def _refuse_useless(settings: Settings) -> None:
    """Raises InvalidSetting for a setting that means nothing to this protocol: it was meant to protect."""
    tls = settings.kafka_ca or settings.kafka_cert or settings.kafka_key
    if tls and not settings.kafka_security.endswith("SSL"):
        raise InvalidSetting(
            f"ETALAGE_KAFKA_CA, _CERT and _KEY are for TLS, and ETALAGE_KAFKA_SECURITY is "
            f"{settings.kafka_security}: set it to SSL or SASL_SSL"
        )
    sasl = settings.kafka_username or settings.kafka_password_file or settings.kafka_token_file
    if sasl and not settings.kafka_security.startswith("SASL"):
        raise InvalidSetting(
            f"ETALAGE_KAFKA_USERNAME, _PASSWORD_FILE and _TOKEN_FILE are for SASL, and "
            f"ETALAGE_KAFKA_SECURITY is {settings.kafka_security}: set it to SASL_SSL"
        )


def _refuse_distant(servers: str, mechanism: str) -> None:
    distant = [server for server in servers.split(",") if not LOOPBACK.fullmatch(server.strip())]
    if distant:
        raise InvalidSetting(
            f"ETALAGE_KAFKA_SECURITY=SASL_PLAINTEXT would send what {mechanism} shows unencrypted to "
            f"{', '.join(distant)}: take SASL_SSL"
        )


def _refuse_unreadable(path: str, name: str, *, shown: str | None = None) -> None:
    try:
        Path(path).read_bytes()
    except OSError as exc:
        raise InvalidSetting(f"{name}: {shown or path} cannot be read: {exc.strerror}") from exc
