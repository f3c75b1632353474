"""The items process on a real Kafka: whatever dies, the signals equal the fold of the deltas."""

from __future__ import annotations

import asyncio
import functools
import random
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from models.catalog.signals.aggregation import apply_delta
from schemas.codec import encode
from schemas.ids import ItemId
from schemas.signals import Delta, Signal
from schemas.topics import ITEM_DELTAS, ITEM_SIGNALS
from streams.kafka.batch_sending import send_all
from streams.kafka.compacted_reader import read_to_end
from streams.kafka.producer import open_producer
from streams.runtime.ports import wait_until
from streams.stores.namespace_meta import Meta
from tests.stack import Running, Stack

PARTITIONS = 4
ITEMS = [f"item-{n}" for n in range(40)]
BROKEN = b"not a delta"
T0 = 1_760_000_000.0
WITHIN_S = 40.0
decode_delta = msgspec.json.Decoder(Delta).decode
decode_signal = msgspec.json.Decoder(Signal).decode


@pytest.fixture
def stack(
    kafka: str,
    redis_url: str,
    namespace: str,
    tmp_path: Path,
    create_topics: Callable[[str, int], Meta],
) -> Iterator[Stack]:
    create_topics(namespace, PARTITIONS)
    quick = {"session_timeout_s": "3", "heartbeat_s": "0.3"}
    with Stack(tmp_path, namespace, kafka, redis_url, settings=quick) as made:
        yield made


def some_deltas(rng: random.Random, count: int) -> list[Delta]:
    return [
        Delta(
            item_id=ItemId(rng.choice(ITEMS)),
            at=T0 + n / 10,
            views=rng.randrange(5),
            purchases=rng.randrange(2),
            co_viewed={ItemId(item): rng.randrange(1, 4) for item in rng.sample(ITEMS, 3)},
        )
        for n in range(count)
    ]


async def produce(producer: Any, stack: Stack, deltas: list[Delta]) -> None:
    pairs = [(delta.item_id.encode(), encode(delta)) for delta in deltas]
    await send_all(producer, ITEM_DELTAS.full_name(stack.namespace), pairs)


async def expected_signals(stack: Stack) -> dict[str, Signal]:
    """The pure fold of the deltas' log read back."""
    records = await read_to_end(stack.kafka, ITEM_DELTAS, stack.namespace)
    signals: dict[str, Signal] = {}
    for record in sorted(records, key=lambda r: (r.partition, r.offset)):
        if record.value != BROKEN:
            delta = decode_delta(record.value or b"")
            signals[delta.item_id] = apply_delta(signals.get(delta.item_id), delta, record.offset)
    return signals


async def written_signals(stack: Stack) -> dict[str, Signal]:
    """The newest signal of each item; `done` says how they came about, not what they are."""
    records = await read_to_end(stack.kafka, ITEM_SIGNALS, stack.namespace)
    return {s.item_id: replace(s, done=0) for s in (decode_signal(r.value or b"") for r in records)}


async def wait_written(stack: Stack, signals: dict[str, Signal], *, hint: str = "") -> None:
    deadline = asyncio.get_running_loop().time() + WITHIN_S
    while (found := await written_signals(stack)) != signals:
        if asyncio.get_running_loop().time() > deadline:
            wrong = {
                i: (found.get(i), signals.get(i))
                for i in signals.keys() | found
                if found.get(i) != signals.get(i)
            }
            logs = "\n".join(f"== {process.name}\n{process.log(1500)}" for process in stack.running)
            pytest.fail(
                f"{hint} {len(wrong)} of {len(signals)} differ, e.g. {next(iter(wrong.items()))}\n{logs}"
            )
        await asyncio.sleep(0.2)


@asynccontextmanager
async def feeding(producer: Any, stack: Stack, seed: int) -> AsyncIterator[None]:
    """Deltas, a few at a time, as long as the block runs."""
    over, rng = asyncio.Event(), random.Random(seed)

    async def feed() -> None:
        while not over.is_set():
            await produce(producer, stack, some_deltas(rng, 50))
            await asyncio.sleep(0.08)

    sending = asyncio.create_task(feed())
    try:
        yield
    finally:
        over.set()
        await sending


async def wait_ready(process: Running) -> Running:
    return await asyncio.to_thread(process.wait_ready)


async def test_deltas_become_signals_and_a_stop_leaves_nothing_unwritten(stack: Stack) -> None:
    process = await wait_ready(stack.start("items"))
    async with open_producer(stack.kafka) as producer:
        await produce(producer, stack, some_deltas(random.Random(1), 500))
        await send_all(producer, ITEM_DELTAS.full_name(stack.namespace), [(b"item-0", BROKEN)])
        await wait_written(stack, await expected_signals(stack))
        await produce(producer, stack, some_deltas(random.Random(2), 100))
    assert 'etalage_signals_total{direction="written"}' in process.metrics()
    lags = [f'etalage_group_lag_records{{group="{group}"}} 0.0' for group in ("items", "personalize")]
    exported = functools.partial(
        wait_until, lambda: all(lag in process.metrics() for lag in lags), within_s=40
    )
    assert await asyncio.to_thread(exported)
    assert await asyncio.to_thread(process.terminate) == 0
    again = await wait_ready(stack.start("items"))
    await wait_written(stack, await expected_signals(stack))
    assert again.alive


async def test_kills_at_any_moment_neither_lose_nor_double(stack: Stack) -> None:
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    process = await wait_ready(stack.start("items"))
    async with open_producer(stack.kafka) as producer, feeding(producer, stack, seed):
        for life in range(3):
            await asyncio.sleep(rng.uniform(0.2, 1.7))  # at a moment that the seed chooses
            process.kill()
            process = await wait_ready(stack.start("items"))
            if life == 0:
                await wait_ready(stack.start("items"))  # from now on two share the partitions
    await wait_written(stack, await expected_signals(stack), hint=f"seed {seed}")


async def test_a_process_that_slept_through_losing_its_partitions_does_no_harm(stack: Stack) -> None:
    first = await wait_ready(stack.start("items"))
    async with open_producer(stack.kafka) as producer:
        await produce(producer, stack, some_deltas(random.Random(3), 400))
        await wait_written(stack, await expected_signals(stack))
        await produce(producer, stack, some_deltas(random.Random(4), 200))
        first.send(signal.SIGSTOP)
        await wait_ready(stack.start("items"))  # waits until the sleeper's session is over
        await produce(producer, stack, some_deltas(random.Random(5), 200))
        await wait_written(stack, await expected_signals(stack))
        first.send(signal.SIGCONT)
        await produce(producer, stack, some_deltas(random.Random(6), 200))
        await wait_written(stack, await expected_signals(stack))
        await wait_ready(first)
        await produce(producer, stack, some_deltas(random.Random(7), 200))
        await wait_written(stack, await expected_signals(stack))
