"""Kafka with TLS and SASL: every client of ours on each kind of listener, and what a refusal tells."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from schemas.errors import EtalageError, ServiceMissing, StreamUnavailable
from schemas.topics import CATALOG
from streams.kafka.admin import list_topics, make_topics
from streams.kafka.batch_sending import send_all
from streams.kafka.compacted_reader import read_to_end
from streams.kafka.endpoint.cluster import kafka_cluster
from streams.kafka.producer import open_producer
from streams.local.servers.server import LocalServer
from streams.runtime.settings import Settings, as_environment
from tests.integration.shop_http import HttpClient, fill_shop
from tests.stack import Stack, poll_until
from tests.verify.certificates import Authority, Certificate
from tests.verify.kafka_server import NAME, PASSWORD, SecureKafkaRecipe
from tests.verify.probes import reason_of, wait_for_click

Make = Callable[..., Settings]

TLS = {"kafka_security": "SSL"}
SASL = {"kafka_security": "SASL_SSL"}
HOUR_S = 3600
COMMANDS = (("topics", "list"), ("storefront", "show"), ("dead-letters", "list"), ("doctor",))


@pytest.fixture(scope="module")
def secure_kafka(
    authority: Authority, server_certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SecureKafkaRecipe, LocalServer]]:
    recipe = SecureKafkaRecipe(authority, server_certificate)
    with LocalServer(recipe, tmp_path_factory.mktemp("kafka") / "kafka") as server:
        yield recipe, server


def token(*, expires_in_s: int) -> str:
    """A token without a signature, as Kafka's own validator takes them."""
    now = int(time.time())
    parts = {"alg": "none"}, {"sub": NAME, "iat": now - 2 * HOUR_S, "exp": now + expires_in_s}
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + "."
    )


@pytest.fixture
def make(
    secure_kafka: tuple[SecureKafkaRecipe, LocalServer],
    authority: Authority,
    client_certificate: Certificate,
    tmp_path: Path,
    namespace: str,
) -> Make:
    """`make(kind)` gives the settings that reach a kind of listener; further ones replace them."""
    recipe, server = secure_kafka
    files = {name: tmp_path / name for name in ("password", "token")}
    files["password"].write_text(PASSWORD + "\n")
    files["token"].write_text(token(expires_in_s=HOUR_S))
    ca = {"kafka_ca": str(authority.ca)}
    login = {"kafka_username": NAME, "kafka_password_file": str(files["password"])}
    client = {"kafka_cert": str(client_certificate.certificate), "kafka_key": str(client_certificate.key)}
    places = {name: f"localhost:{port}" for name, port in recipe.ports.items()}
    kinds: dict[str, dict[str, str]] = {
        "BROKER": {"kafka": server.address},
        "TLS": {"kafka": places["TLS"], **TLS, **ca},
        "MUTUAL": {"kafka": places["MUTUAL"], **TLS, **ca, **client},
        "OAUTHBEARER": {"kafka": places["SASL"], **SASL, **ca, "kafka_token_file": str(files["token"])},
        "OPEN": {"kafka": places["OPEN"], "kafka_security": "SASL_PLAINTEXT", **login, "kafka_sasl": "PLAIN"},
    }
    for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        kinds[mechanism] = {"kafka": places["SASL"], **SASL, **ca, **login, "kafka_sasl": mechanism}
    kinds["OAUTHBEARER"]["kafka_sasl"] = "OAUTHBEARER"

    def settings(kind: str, **others: str | None) -> Settings:
        given = {**kinds[kind], **others, "namespace": namespace, "partitions": 2}
        return msgspec.convert(given, Settings)

    return settings


async def round_trip(settings: Settings) -> None:
    """What is written over these settings is read over them."""
    make_topics(settings)
    topic = CATALOG.full_name(settings.namespace)
    async with open_producer(kafka_cluster(settings), topic) as producer:
        await send_all(producer, topic, [(b"a", b"{}")])
    records = await read_to_end(kafka_cluster(settings), CATALOG, settings.namespace)
    assert [record.key for record in records] == [b"a"]


@pytest.mark.parametrize(
    "kind", ["TLS", "MUTUAL", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "OPEN"]
)
async def test_records_go_in_and_out(make: Make, kind: str) -> None:
    await round_trip(make(kind))


@pytest.mark.parametrize("kind", ["MUTUAL", "SCRAM-SHA-512", "OAUTHBEARER"])
async def test_a_click_goes_through_every_process(
    make: Make, kind: str, redis_url: str, tmp_path: Path
) -> None:
    settings = make(kind)
    secured = {
        name.removeprefix("ETALAGE_").lower(): value
        for name, value in as_environment(settings).items()
        if name.startswith("ETALAGE_KAFKA_")
    }
    with Stack(tmp_path, settings.namespace, settings.kafka or "", redis_url, secured) as stack:
        await asyncio.to_thread(stack.run, "topics", "create", "--partitions", "2")
        await asyncio.to_thread(fill_shop, stack, tmp_path)
        worker, gateway, items = (stack.start(kind) for kind in ("worker", "gateway", "items"))
        for running in (worker, gateway, items):
            await asyncio.to_thread(running.wait_ready, 90)
        async with HttpClient(gateway.address) as client:
            await wait_for_click(client)
        for command in COMMANDS if kind == "SCRAM-SHA-512" else ():
            await asyncio.to_thread(stack.run, *command)


WRONG = [
    ("TLS", {"kafka_ca": None}, "set ETALAGE_KAFKA_CA to the file of the CA that signed it"),
    ("TLS", {"kafka_security": "PLAINTEXT", "kafka_ca": None}, "it expects TLS or a login"),
    ("PLAIN", {"kafka_security": "SSL", "kafka_username": None, "kafka_password_file": None},
     "expects a login (ETALAGE_KAFKA_SECURITY is SSL)"),
    ("MUTUAL", {"kafka_cert": None, "kafka_key": None}, "set ETALAGE_KAFKA_CERT and ETALAGE_KAFKA_KEY"),
    ("SCRAM-SHA-512", {"kafka_username": "nobody"}, "refuses ETALAGE_KAFKA_USERNAME with the password of"),
    ("PLAIN", {"kafka_username": "nobody"}, "refuses ETALAGE_KAFKA_USERNAME with the password of"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "others", "told"), WRONG)
async def test_what_is_wrong_is_told_by_every_client(
    make: Make, kind: str, others: dict[str, str | None], told: str
) -> None:
    await refused(make(kind, **others), told)


async def test_a_token_that_expired_is_told(make: Make, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text(token(expires_in_s=-HOUR_S))
    await refused(
        make("OAUTHBEARER", kafka_token_file=str(old)), "refuses the token of ETALAGE_KAFKA_TOKEN_FILE"
    )


async def refused(settings: Settings, told: str) -> None:
    """Each client must fail, soon and with this text."""
    errors: list[EtalageError] = []
    with pytest.raises(ServiceMissing) as admin:
        list_topics(settings)
    errors.append(admin.value)
    with pytest.raises(StreamUnavailable) as producer:
        async with open_producer(kafka_cluster(settings)):
            pass
    errors.append(producer.value)
    with pytest.raises(StreamUnavailable) as reader:
        await read_to_end(kafka_cluster(settings), CATALOG, settings.namespace)
    errors.append(reader.value)
    for error in errors:
        assert told in str(error)
        assert PASSWORD not in str(error)


def test_tls_where_none_is_spoken(make: Make) -> None:
    with pytest.raises(ServiceMissing, match="it speaks no TLS"):
        list_topics(make("BROKER", kafka_security="SSL"))


def test_a_gateway_that_is_refused_says_why(make: Make, redis_url: str, tmp_path: Path) -> None:
    settings = make("TLS", kafka_ca=None)
    secured = {"kafka_security": "SSL"}
    told = "set ETALAGE_KAFKA_CA to the file of the CA that signed it"
    with Stack(tmp_path, settings.namespace, settings.kafka or "", redis_url, secured) as stack:
        gateway, worker = stack.start("gateway"), stack.start("worker")
        poll_until(lambda: gateway.status() is not None, within_s=30, what="the gateway")
        poll_until(lambda: told in reason_of(gateway), within_s=30, what="the reason in /readyz")
        poll_until(lambda: told in worker.log(), within_s=30, what="the reason in the worker's log")
        assert told in stack.run_unchecked("doctor", "--json").stdout
