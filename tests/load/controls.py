"""The controls: the barest thing that moves the same bytes, measured in the same run.

`python -m tests.load.controls consume …` is aiokafka with an empty body; `controls:app` is bare ASGI with one
Redis GET, `controls:push_app` one with a publication and open streams.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import orjson
import redis.asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition

FIRST_WITHIN_S = 120.0
"""The generator prepares its events first."""


async def consume(kafka: str, topic: str, *, until: int, out: str, from_start: bool, idle_s: float) -> None:
    """Read `until` records (or until nothing more comes for `idle_s`) and keep when each arrived."""
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
        batches = await consumer.getmany(timeout_ms=int((idle_s if at else FIRST_WITHIN_S) * 1000))
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


_open_streams: dict[str, asyncio.Queue[bytes]] = {}


async def push_app(scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # bare ASGI, on purpose
    """A posted event is published on the channel CONTROL_KEY and leaves on its visitor's open stream."""
    global _client
    if scope["type"] == "lifespan":
        _client = redis.asyncio.Redis.from_url(os.environ["CONTROL_REDIS"], socket_timeout=None)
        reading = asyncio.create_task(_read_notices(_client.pubsub()))
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        reading.cancel()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["path"] == "/stream":
        await _stream(parse_qs(scope["query_string"].decode())["visitor"][0], send)
    else:
        assert _client is not None
        await _client.publish(os.environ["CONTROL_KEY"], (await receive())["body"])
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})


async def _read_notices(pubsub: Any) -> None:
    await pubsub.subscribe(os.environ["CONTROL_KEY"])
    async for message in pubsub.listen():
        if message["type"] == "message":
            (event,) = orjson.loads(message["data"])["events"]
            _open_streams["a:" + event["anonymous_id"]].put_nowait(message["data"])


async def _stream(visitor: str, send: Any) -> None:
    notices = _open_streams.setdefault(visitor, asyncio.Queue())
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while True:
        data = await notices.get()
        await send({"type": "http.response.body", "body": b"data: " + data + b"\n\n", "more_body": True})


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
