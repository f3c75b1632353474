"""Faust's Kafka client (it calls it the consumer thread) as a service of the event loop that consumes.

Faust gives it a thread so that a slow agent misses no heartbeat. Here nothing holds the loop for as long as a
heartbeat may take, and a fetch that crosses threads waits twice for the loops and for the GIL (decision 35).
A loop that is held for longer than the group's session loses its partitions, and the epoch fences its writes.
"""

from __future__ import annotations

import asyncio
from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from mode.utils.futures import maybe_async

from streams.kafka.endpoint.errors import close_client

LEAVE_WITHIN_S = 2.0
"""To leave the group and to close the connections."""


class LoopClient(AIOKafkaConsumerThread):
    """What the thread did, without one: neither a loop nor a thread is made, calls are plain calls.

    Overrides what mode 0.7.1's ServiceThread does in or for its thread: start, stop, and calls from outside.
    """

    wait_for_shutdown = False

    def __init__(self, consumer: Any, *, loop: asyncio.AbstractEventLoop, **kwargs: Any) -> None:
        super().__init__(consumer, loop=loop, thread_loop=loop, **kwargs)

    async def start(self) -> None:
        self._thread_started.set()
        await self._default_start()

    async def on_stop(self) -> None:
        if self._consumer is not None:
            await close_client(self._consumer.stop(), within_s=LEAVE_WITHIN_S)

    def _stopped_set(self) -> None:
        self._stopped.set()

    async def _stop_children(self) -> None:
        await self._default_stop_children()

    async def _stop_futures(self) -> None:
        await self._default_stop_futures()

    async def _stop_exit_stacks(self) -> None:
        await self._default_stop_exit_stacks()

    async def call_thread(self, fun: Any, *args: Any, **kwargs: Any) -> Any:
        return await maybe_async(fun(*args, **kwargs))
