"""What the engine costs, in CPU time per event: all but the transport, with and without deciding.

    python -m tests.load.engine [--events 12000] [--visitors 3000] [--profile decided-64]

The real engine with the Redis store against a Redis of its own, no Kafka. Most chunks hold as many visitors
as records. CPU time of this process alone: Redis' own share is not in it, and neighbours on the same cores
disturb it little. Median and best of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import pstats
import sys
import time
import uuid
from collections.abc import Sequence
from random import Random
from statistics import median
from types import SimpleNamespace
from typing import Any

from models.policy.snapshot import Snapshot
from streams.local.servers.redis import LocalRedis
from streams.runtime.clock import SystemClock
from streams.runtime.retries import Retries
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.keys import Keys
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.visitors import RedisVisitors
from streams.workers.group.dead_letters import BadRecordLimit, DeadLetters
from streams.workers.group.ownership import Holding
from streams.workers.group.round_processor import HeldChunk
from streams.workers.personalize.decider import Decider
from streams.workers.personalize.decoding import EventsTopic
from streams.workers.personalize.engine import Engine, EngineConfig, EngineDependencies
from streams.workers.personalize.live_page import LivePage
from streams.workers.signals.combiner import SignalCombiner
from tests.load.decide import a_snapshot
from tests.load.traffic import browsing_events, now_text

EVENTS_TOPIC = EventsTopic("bench.events.v1", 1, 7)
CASES = {"folded-256": 256, "folded-16": 16, "decided-64": 64, "decided-16": 16, "decided-8": 8}
ROUNDS = 6


def records_of(snapshot: Snapshot, *, visitors: int, count: int) -> list[Any]:
    """Raw records as aiokafka gives them, all with the present time."""
    prepared = browsing_events(snapshot.shop.items.items, visitors=visitors, count=count, seed=11)
    stamp = now_text()
    return [
        SimpleNamespace(
            key=one.key,
            value=one.value(stamp),
            offset=n,
            timestamp=int(time.time() * 1000),
            partition=0,
            headers=(),
        )
        for n, one in enumerate(prepared)
    ]


def build_engine(snapshot: Snapshot, store: RedisVisitors, *, deciding: bool) -> Engine:
    """An engine as a worker builds it, without Kafka: no decision is sampled, no signal is flushed."""
    clock, metrics = SystemClock(), Metrics()
    crowd = SignalCombiner("bench", metrics, clock)
    publisher: Any = None
    page = LivePage(lambda: snapshot, page="home", sample=0.0, metrics=metrics)
    dependencies = EngineDependencies(
        store=store,
        retries=Retries("Redis", deadline_s=2.0, patience_s=10.0, clock=clock, metrics=metrics),
        dead_letters=DeadLetters(publisher, "bench.dead", BadRecordLimit(share=0.5, last=200), metrics),
        publisher=publisher,
        clock=clock,
        metrics=metrics,
        decider=Decider(page, clock=clock, metrics=metrics),
        count_signals=lambda before, record: crowd.add(before, record, snapshot.shop),
    )
    config = EngineConfig(
        events_topic=EVENTS_TOPIC, decisions_topic="-", decide_within_s=1e9 if deciding else -1e9
    )
    return Engine(config, dependencies)


async def apply_all(engine: Engine, holding: Holding, records: Sequence[Any], size: int) -> float:
    """Seconds of CPU for all records in chunks of `size`."""
    since = time.process_time()
    for start in range(0, len(records), size):
        chunk = list(records[start : start + size])
        prepared = await engine.prepare([HeldChunk(holding, chunk, chunk[-1].offset + 1)])
        await engine.write(prepared)
    return time.process_time() - since


async def measure_case(
    case: str, snapshot: Snapshot, records: list[Any], url: str, profiler: Any
) -> list[float]:
    """µs of CPU an event, of each round; one round before is not counted."""
    async with ReconnectingConnection(url) as connection:
        store = RedisVisitors(
            connection, Keys(f"b{uuid.uuid4().hex[:8]}"), incarnation=EVENTS_TOPIC.incarnation
        )
        engine = build_engine(snapshot, store, deciding=case.startswith("decided"))
        claim = await store.claim(0, "bench", 1)
        holding = Holding(0, claim, turn=1, at=0, reason="assigned")
        each = len(records) // (ROUNDS + 1)
        times = []
        for number in range(ROUNDS + 1):
            if number == 1 and profiler:
                profiler.enable()
            part = records[number * each : (number + 1) * each]
            times.append(await apply_all(engine, holding, part, CASES[case]) / len(part) * 1e6)
        if profiler:
            profiler.disable()
        return times[1:]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=12_000)
    options.add_argument("--visitors", type=int, default=3000)
    options.add_argument("--cases", default=",".join(CASES))
    options.add_argument("--profile", default="")
    arguments = options.parse_args()
    snapshot = a_snapshot(2000, Random(5))
    records = records_of(snapshot, visitors=arguments.visitors, count=arguments.events)
    gc.collect()
    gc.freeze()
    with LocalRedis() as redis:
        for case in [arguments.profile] if arguments.profile else arguments.cases.split(","):
            profiler = cProfile.Profile() if arguments.profile else None
            times = asyncio.run(measure_case(case, snapshot, records, redis.url, profiler))
            show(f"{case:14} median {median(times):7.1f} µs   best {min(times):7.1f} µs")
            if profiler:
                pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


def show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
