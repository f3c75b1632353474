"""The careless twin: the service a competent engineer writes in an afternoon, a control of the benchmarks.

It reads the same events, keeps a hash of counters for each visitor in Redis, ranks 100 products with the same
ONNX model whenever a visitor did something, stores the ranking and publishes a notice; its HTTP side takes
events and ranks a list. At least once: after a crash some events count twice. It has no pages, modules,
rules, reasons, tokens, fences, deadlines or fallbacks, and its state grows for ever.

    python -m tests.load.careless_twin worker|gateway --kafka … --redis … --topic … --items FILE
"""

from __future__ import annotations

import argparse
import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import orjson
import uvicorn
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from numpy.typing import NDArray
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

MODEL = Path(__file__).parents[2] / "models/ranking/artifacts/baseline"
CANDIDATES = 100
Rows = NDArray[np.intp]
GAINS = {"select_item": 0.5, "view_item": 1.0, "add_to_cart": 3.0, "share": 2.0, "purchase": 4.0}
TASTES = {"item_category": "category_taste", "item_brand": "brand_taste", "colour": "colour_taste"}
SEEN = {"view_item": "viewed", "add_to_cart": "in_cart", "purchase": "bought"}


def counts_of(event: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """What an event adds to its visitor's counters."""
    name = event["event"]
    yield "events", 1
    if gain := GAINS.get(name):
        for item in event["properties"]["items"]:
            yield f"{name}:{item['item_id']}", 1
            yield "price", gain * math.log1p(item.get("price") or 0)
            yield "gain", gain
            for kind in TASTES:
                yield f"{kind}:{item.get(kind)}", gain


def parse_numbers(raw: Any) -> dict[str, float]:
    return {key.decode(): float(value) for key, value in raw.items()}


class Shop:
    """The catalogue as columns, and the model."""

    def __init__(self, path: str) -> None:
        items = [orjson.loads(line) for line in Path(path).read_bytes().splitlines()]
        names = orjson.loads((MODEL / "manifest.json").read_bytes())["features"]
        self.column = {name: n for n, name in enumerate(names)}
        self.ids = [item["item_id"] for item in items]
        self.rows = {item_id: row for row, item_id in enumerate(self.ids)}
        self.log_price = np.log1p([item["price"] for item in items])
        self.static = np.zeros((len(items), len(names)), np.float32)
        self.static[:, self.column["item_log_stock"]] = np.log1p([item.get("stock") or 0 for item in items])
        self.code_of = dict.fromkeys(SEEN, self.rows)
        self.codes = dict.fromkeys(SEEN, np.arange(len(items)))
        for kind, name in zip(TASTES, ("categories", "brand", "colour"), strict=True):
            values = [item[name][-1] if name == "categories" else item.get(name) for item in items]
            self.code_of[kind] = {value: code for code, value in enumerate(dict.fromkeys(values))}
            self.codes[kind] = np.array([self.code_of[kind][value] for value in values])
        one_thread = onnxruntime.SessionOptions()
        one_thread.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(MODEL / "model.onnx", one_thread)

    def candidates(self, counters: Mapping[str, float]) -> Rows:
        """Of the favourite category and of the catalogue's last products."""
        tastes = [(weight, key) for key, weight in counters.items() if key.startswith("item_category:")]
        code = self.code_of["item_category"].get(max(tastes)[1].partition(":")[2]) if tastes else None
        favourites = np.flatnonzero(self.codes["item_category"] == code)[: CANDIDATES // 2]
        latest = np.arange(len(self.ids))[-CANDIDATES:]
        return np.concatenate([favourites, latest[~np.isin(latest, favourites)]])[:CANDIDATES]

    def features(self, counters: Mapping[str, float], rows: Rows) -> Any:
        out, column = self.static[rows], self.column
        total = counters.get("gain") or 1.0
        out[:, column["visitor_log_events"]] = math.log1p(counters.get("events", 0)) / 4
        out[:, column["price_gap"]] = self.log_price[rows] - counters.get("price", 0) / total
        weights = {kind: np.zeros(len(codes), np.float32) for kind, codes in self.code_of.items()}
        for key, count in counters.items():
            kind, _, name = key.partition(":")
            if kind in weights and name in self.code_of[kind]:
                weights[kind][self.code_of[kind][name]] = count / total if kind in TASTES else 1
        for kind, feature in (TASTES | SEEN).items():
            out[:, column[feature]] = weights[kind][self.codes[kind][rows]]
        return out

    def rank(self, counters: Mapping[str, float], rows: Rows) -> list[dict[str, Any]]:
        scores = self.session.run(None, {"features": self.features(counters, rows)})[0].ravel()
        order = np.argsort(-scores)
        best = zip(rows[order].tolist(), scores[order].astype(float).round(4).tolist(), strict=True)
        return [{"id": self.ids[row], "score": score} for row, score in best]


class Worker:
    def __init__(self, args: argparse.Namespace) -> None:
        self.shop, self.redis = Shop(args.items), Redis.from_url(args.redis)
        self.prefix, self.ranking = args.prefix, not args.no_rank

    async def apply(self, records: Sequence[Any]) -> None:
        """Count, rank, write and publish."""
        by_visitor: defaultdict[str, list[Any]] = defaultdict(list)
        for record in records:
            by_visitor[record.key.decode()].append(record)
        reading, writing = (self.redis.pipeline(transaction=False) for _ in range(2))
        for visitor in by_visitor:
            reading.hgetall(f"{self.prefix}:v:{visitor}")
        for (visitor, own), raw in zip(by_visitor.items(), await reading.execute(), strict=True):
            counters, changed = parse_numbers(raw), dict[Any, Any]()
            for record in own:
                for key, amount in counts_of(orjson.loads(record.value)):
                    changed[key] = counters[key] = counters.get(key, 0) + amount
            writing.hset(f"{self.prefix}:v:{visitor}", mapping=changed)
            if self.ranking:
                ranked = self.shop.rank(counters, self.shop.candidates(counters))
                writing.set(f"{self.prefix}:r:{visitor}", orjson.dumps(ranked), ex=1800)
            writing.publish(f"{self.prefix}:notices", f"{own[-1].partition} {own[-1].offset} {visitor}")
        writing.incrby(f"{self.prefix}:done", len(records))
        await writing.execute()


async def work(args: argparse.Namespace) -> None:
    """Apply what comes, and commit it once a second."""
    worker = Worker(args)
    names = {"bootstrap_servers": args.kafka, "group_id": args.prefix}
    consumer = AIOKafkaConsumer(args.topic, enable_auto_commit=False, **names)
    await consumer.start()
    await (consumer.seek_to_beginning() if args.from_start else consumer.seek_to_end())
    [await consumer.position(partition) for partition in consumer.assignment()]
    print("ready", flush=True)  # noqa: T201 - the parent waits for this line
    committed = 0.0
    while True:
        batches = await consumer.getmany(timeout_ms=1000, max_records=500)
        if records := [record for batch in batches.values() for record in batch]:
            await worker.apply(records)
        if time.monotonic() - committed > 1:
            await consumer.commit()
            committed = time.monotonic()


def gateway(args: argparse.Namespace) -> None:
    shop, redis = Shop(args.items), Redis.from_url(args.redis)
    producer: Any = None

    async def take(request: Request) -> Response:
        futures = []
        for event in orjson.loads(await request.body())["events"]:
            if not all(event.get(name) for name in ("event", "message_id", "timestamp")):
                return Response(status_code=400)
            key = f"u:{event['user_id']}" if "user_id" in event else f"a:{event['anonymous_id']}"
            futures.append(await producer.send(args.topic, orjson.dumps(event), key.encode()))
        await asyncio.gather(*futures)
        return Response(orjson.dumps({"accepted": len(futures)}), media_type="application/json")

    async def rank(request: Request) -> Response:
        body = orjson.loads(await request.body())
        counters = parse_numbers(await redis.hgetall(f"{args.prefix}:v:{body['visitor']}"))
        rows = np.array([shop.rows[item] for item in body["items"]])
        return Response(orjson.dumps({"items": shop.rank(counters, rows)}), media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        nonlocal producer
        async with AIOKafkaProducer(bootstrap_servers=args.kafka, acks="all") as producer:
            yield

    routes = [Route("/v1/events", take, methods=["POST"]), Route("/v1/rank", rank, methods=["POST"])]
    uvicorn.run(Starlette(routes=routes, lifespan=lifespan), port=int(args.port), log_level="warning")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["worker", "gateway"])
    for name in ("kafka", "redis", "topic", "items", "prefix", "port"):
        parser.add_argument(f"--{name}")
    for flag in ("--from-start", "--no-rank"):
        parser.add_argument(flag, action="store_true")
    args = parser.parse_args()
    gateway(args) if args.what == "gateway" else uvloop.run(work(args))


if __name__ == "__main__":
    main()
