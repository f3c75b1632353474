"""How each producer of ours is set up, started and stopped; and publishing that outlasts short failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaProducer
from aiokafka.producer import message_accumulator
from msgspec import Struct

from schemas.errors import StreamUnavailable
from streams.kafka.batch_sending import Pair, Producer, send_all
from streams.kafka.endpoint.cluster import Kafka, client_options
from streams.kafka.endpoint.connect_check import explain_failure
from streams.kafka.endpoint.errors import CLOSE_WITHIN_S, KAFKA_ERRORS, close_client
from streams.runtime.retries import Retries
from streams.runtime.tasks import ignore_result

FLUSH_WITHIN_S = 15.0
"""How long a producer may take to write what was handed to it: a batch fails by its request's timeout."""


class ProducerConfig(Struct, frozen=True, kw_only=True):
    """In what the producers of our processes differ; the defaults are aiokafka's, but for the timeout."""

    client_id: str | None = None
    """Its name in the broker's logs and metrics; None: aiokafka numbers its producers."""
    idempotent: bool = False
    """Whether the broker drops what a retry of the client writes a second time."""
    linger_ms: int = 0
    """How long a batch waits for more records."""
    request_timeout_ms: int = 10_000
    """One request; also the life of a batch, which is failed when it is not sent by then."""
    max_batch_bytes: int = 16 << 10
    max_request_bytes: int = 1 << 20
    """Of a record given to `send`; one in a batch that is too large is refused by the broker."""
    metadata_max_age_ms: int = 300_000
    """How long the client believes which broker leads a partition."""


PUSH = ProducerConfig(client_id="etalage-push", idempotent=True, max_batch_bytes=256 << 10)
"""Whole documents and files at once: large batches, and nothing twice."""


def make_producer(kafka: Kafka, config: ProducerConfig) -> Producer:
    """Build a producer of raw bytes that waits for all replicas (acks=all); the caller starts and stops it.

    Args:
        kafka: The cluster, see `kafka_cluster`.
        config: In what it differs from others.
    """
    install_quiet_batches()
    producer: Producer = AIOKafkaProducer(
        **client_options(kafka),
        client_id=config.client_id,
        acks="all",
        enable_idempotence=config.idempotent,
        linger_ms=config.linger_ms,
        request_timeout_ms=config.request_timeout_ms,
        max_batch_size=config.max_batch_bytes,
        max_request_size=config.max_request_bytes,
        metadata_max_age_ms=config.metadata_max_age_ms,
    )
    return producer


async def start_producer(kafka: Kafka, config: ProducerConfig) -> Producer:
    """A producer that is connected; StreamUnavailable, and nothing left open, when Kafka does not answer."""
    producer = make_producer(kafka, config)
    try:
        async with explain_failure(kafka, f"Kafka at {kafka} does not answer"):
            await producer.start()
    except BaseException:
        await stop_producer(producer)
        raise
    return producer


async def stop_producer(producer: Producer, *, within_s: float = CLOSE_WITHIN_S) -> None:
    """Flush and close for at most `within_s`; Kafka's errors are of no interest any more."""
    await close_client(producer.stop(), within_s=within_s)


@asynccontextmanager
async def open_producer(
    kafka: Kafka, needs: str | None = None, *, config: ProducerConfig = PUSH
) -> AsyncIterator[Producer]:
    """A producer for the length of a block; all that was handed to it is flushed at the block's end.

    Args:
        kafka: The cluster, see `kafka_cluster`.
        needs: Full name of a topic that must exist.
        config: In what the producer differs from others.

    Raises:
        StreamUnavailable: Kafka does not answer, or there is no topic `needs`.
    """
    producer = await start_producer(kafka, config)
    try:
        # Asked here: a send to a topic that is not there only fails when its time is over.
        if needs is not None and needs not in (await producer.client.fetch_all_metadata()).topics():
            raise StreamUnavailable(f"there is no topic {needs}: run `etalage topics create`")
        yield producer
    finally:
        with suppress(*KAFKA_ERRORS):
            async with asyncio.timeout(FLUSH_WITHIN_S):
                await producer.flush()
        await stop_producer(producer)


class Publisher:
    """Writes records in the background and retries while Kafka does not answer."""

    def __init__(self, producer: Producer, retries: Retries) -> None:
        """`producer` stays the caller's: it must be running, and is not stopped here."""
        self._producer = producer
        self._retries = retries

    def publish(self, topic: str, pairs: Sequence[Pair]) -> asyncio.Task[None]:
        """Begin to write records; those of one key keep their order.

        Args:
            topic: Full name of the topic.
            pairs: Key and value of each record, in order.

        Returns:
            A task that ends once Kafka acknowledged all of them. It raises StreamUnavailable when the
            patience of `retries` ended. A record may be written twice when an acknowledgement was lost.
        """
        return asyncio.create_task(self._send(topic, pairs), name=f"publish-{topic}")

    async def _send(self, topic: str, pairs: Sequence[Pair]) -> None:
        await self._retries("publish", lambda: send_all(self._producer, topic, pairs))


def install_quiet_batches() -> None:
    """Have aiokafka build its batches of `_QuietBatch`, in the whole process; again changes nothing."""
    message_accumulator.MessageBatch = _QuietBatch


class _QuietBatch(message_accumulator.MessageBatch):  # type: ignore[misc]  # aiokafka has no types
    """A batch of aiokafka 0.14 that is given up fails two futures, and nobody may wait for the second.

    asyncio would log "Future exception was never retrieved" for it.
    """

    def failure(self, exception: Exception) -> None:
        super().failure(exception)
        ignore_result(self._drain_waiter)
