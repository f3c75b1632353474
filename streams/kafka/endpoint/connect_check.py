"""Why Kafka does not let us in and what to do: asked of one broker, as clients only say that none answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from ssl import SSLCertVerificationError, SSLError
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
    for_code,
)
from aiokafka.protocol.admin import ApiVersionRequest

from schemas.errors import StreamUnavailable, error_text
from streams.kafka.endpoint.cluster import Kafka, KafkaCluster, client_options
from streams.kafka.endpoint.errors import translate_errors
from streams.runtime.ports import bad_certificate_text

CHECK_WITHIN_S = 4.0
"""For one broker: a connection, TLS, the login and an answer."""

CLOSE_WITHIN_S = 0.5

CLIENT_CERTIFICATE = "it asks clients for a certificate: set ETALAGE_KAFKA_CERT and ETALAGE_KAFKA_KEY"


async def check_connection(kafka: Kafka) -> None:
    """Connect to a broker and log in.

    Raises:
        StreamUnavailable: none lets us in: why the last one did not, and what to do where that is known.
    """
    why = await _find_refusal(kafka)
    if why is not None:
        raise StreamUnavailable(f"Kafka does not answer at {kafka}{why and ': '}{why}")


@asynccontextmanager
async def explain_failure(kafka: Kafka, what: str) -> AsyncIterator[None]:
    """As translate_errors; where it can be found out why no broker lets us in, the error says that.

    With a login it is asked before: an idempotent producer would wait for ever where its token is refused.
    """
    if isinstance(kafka, KafkaCluster) and kafka.login is not None:
        await check_connection(kafka)
    try:
        with translate_errors(what):
            yield
    except StreamUnavailable as exc:
        if why := await _find_refusal(kafka):
            raise StreamUnavailable(f"Kafka does not answer at {kafka}: {why}") from exc
        raise


def check_connection_sync(kafka: Kafka) -> None:
    """The same for callers that cannot await; in a thread, for they may be called in an event loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, check_connection(kafka)).result()


async def _find_refusal(kafka: Kafka) -> str | None:
    """Why the last broker did not let us in, empty when it just does not answer; None: one lets us in."""
    cluster = KafkaCluster(kafka) if isinstance(kafka, str) else kafka
    options = client_options(cluster)
    del options["bootstrap_servers"]
    why = ""
    for server in cluster.servers.split(","):
        try:
            async with asyncio.timeout(CHECK_WITHIN_S):
                await _connect_once(server.strip(), options)
        except (KafkaError, OSError, TimeoutError, ValueError) as exc:
            why = _explain(exc, cluster)
        else:
            return None
    return why


async def _connect_once(server: str, options: dict[str, Any]) -> None:
    host, _, port = server.rpartition(":")
    connection = AIOKafkaConnection(
        host.strip("[]"), int(port), client_id="etalage-check",
        request_timeout_ms=int(CHECK_WITHIN_S * 1000), **options,
    )  # fmt: skip
    try:
        await connection.connect()
        # Once more: a listener that asks for a login answers one such request of a client without one.
        # A token that is refused shows only here, as a state in which nothing can be asked.
        answer = await connection.send(ApiVersionRequest())
        if answer.error_code:
            raise SaslAuthenticationFailed(for_code(answer.error_code).description)
    finally:
        closed = connection.close()
        if connection._protocol is not None:  # else it was never opened
            await asyncio.wait({closed}, timeout=CLOSE_WITHIN_S)


def _explain(exc: Exception, cluster: KafkaCluster) -> str:
    """What went wrong with one broker; empty when nothing more is known than that it does not answer."""
    match exc:
        case SSLCertVerificationError():
            return bad_certificate_text(exc, "KAFKA")
        case UnsupportedSaslMechanismError():
            return "it does not know this login: set ETALAGE_KAFKA_SASL to a mechanism that it has enabled"
        case AuthenticationFailedError() | SaslAuthenticationFailed():
            return f"it refuses {_login_settings(cluster)} ({error_text(exc)})"
        case ConnectionRefusedError() | TimeoutError():
            return ""
        case SSLError() | ConnectionResetError() if cluster.tls is not None:
            return _explain_end(exc, cluster)
        case OSError():
            return exc.strerror or str(exc)
        case _:
            return _explain_end(exc, cluster)


def _explain_end(exc: Exception, cluster: KafkaCluster) -> str:
    """It ended the connection in the middle of the greeting; brokers do not say why."""
    if "CERTIFICATE" in str(exc).upper():
        return f"{exc}; {CLIENT_CERTIFICATE}"
    if cluster.tls is None:
        return "it ends the connection: it expects TLS or a login, see ETALAGE_KAFKA_SECURITY"
    return (
        f"it ends the connection: it speaks no TLS or expects a login (ETALAGE_KAFKA_SECURITY is "
        f"{cluster.protocol}), or {CLIENT_CERTIFICATE}"
    )


def _login_settings(cluster: KafkaCluster) -> str:
    if cluster.login is None or cluster.login.token_file is not None:
        return "the token of ETALAGE_KAFKA_TOKEN_FILE"
    return "ETALAGE_KAFKA_USERNAME with the password of ETALAGE_KAFKA_PASSWORD_FILE"
