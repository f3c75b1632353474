"""A deadline that blames nobody for our own delay."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from streams.runtime.deadline import LOOP_ITERATIONS, LoopFairDeadline


async def test_time_runs_out() -> None:
    loop = asyncio.get_running_loop()
    when = loop.time() + 0.02
    with pytest.raises(TimeoutError), LoopFairDeadline(when):
        await asyncio.Event().wait()
    assert loop.time() >= when


async def test_what_is_done_in_time_is_done() -> None:
    loop, passed = asyncio.get_running_loop(), asyncio.Event()
    when = loop.time() + 0.01
    with LoopFairDeadline(when):
        await asyncio.sleep(0)
    loop.call_at(when, passed.set)
    await passed.wait()
    for _ in range(LOOP_ITERATIONS + 1):
        await asyncio.sleep(0)


async def test_a_cancellation_from_outside_stays_one() -> None:
    async def work() -> None:
        with LoopFairDeadline(asyncio.get_running_loop().time() + 10):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_answer_that_came_while_the_loop_was_held_up_counts() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    loop = asyncio.get_running_loop()
    when = loop.time() + 0.01
    try:
        with LoopFairDeadline(when):
            reading = asyncio.ensure_future(reader.read(5))
            await asyncio.sleep(0)
            theirs.send(b"hello")
            while loop.time() <= when:
                time.sleep(0.001)  # noqa: ASYNC251 - the hold-up
            assert await reading == b"hello"
    finally:
        writer.close()
        await writer.wait_closed()
        theirs.close()
