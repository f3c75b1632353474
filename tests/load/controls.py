"""The controls: the barest thing that moves the same bytes, measured in the same run.

`python -m tests.load.controls consume …` is aiokafka with an empty body; `controls:app` is bare ASGI with one
Redis GET.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time

import numpy as np
import redis.asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition


async def consume(kafka: str, topic: str, *, until: int, out: str, from_start: bool, idle_s: float) -> None:
    """Read `until` records (or until nothing comes for `idle_s`) and keep when each arrived."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=None, fetch_max_wait_ms=500)
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic, p)
            for p in sorted(consumer.partitions_for_topic(topic) or await _find(consumer, topic))
        ]
        consumer.assign(partitions)
        await (consumer.seek_to_beginning if from_start else consumer.seek_to_end)(*partitions)
        for tp in partitions:
            await consumer.position(tp)
        print("ready", flush=True)  # noqa: T201 - the parent waits for this line
        begun = time.monotonic()
        seen = await _read(consumer, until, idle_s)
    finally:
        await consumer.stop()
    np.savez(out, partition=seen[0], offset=seen[1], at=seen[2], begun=begun)


async def _find(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.add_topic(topic)
    return set(consumer.partitions_for_topic(topic) or ())


async def _read(
    consumer: AIOKafkaConsumer, until: int, idle_s: float
) -> tuple[list[int], list[int], list[float]]:
    partition: list[int] = []
    offset: list[int] = []
    at: list[float] = []
    while len(at) < until:
        batches = await consumer.getmany(timeout_ms=int(idle_s * 1000))
        if not batches:
            break
        now = time.monotonic()
        for tp, records in batches.items():
            partition.extend([tp.partition] * len(records))
            offset.extend([record.offset for record in records])
            at.extend([now] * len(records))
    return partition, offset, at


_client: redis.asyncio.Redis | None = None


async def app(scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # bare ASGI, on purpose
    """One Redis GET of CONTROL_KEY at CONTROL_REDIS, its bytes as the answer."""
    global _client
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    if _client is None:
        _client = redis.asyncio.Redis.from_url(os.environ["CONTROL_REDIS"], socket_timeout=None)
    body = await _client.get(os.environ["CONTROL_KEY"]) or b""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["consume"])
    for name in ("kafka", "topic", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--until", type=int, default=10**9)
    parser.add_argument("--from-start", action="store_true")
    parser.add_argument("--idle-s", type=float, default=3.0)
    args = parser.parse_args()
    asyncio.run(
        consume(
            args.kafka,
            args.topic,
            until=args.until,
            out=args.out,
            from_start=args.from_start,
            idle_s=args.idle_s,
        )
    )


if __name__ == "__main__":
    main()
