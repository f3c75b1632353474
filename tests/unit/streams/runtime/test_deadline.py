"""A deadline that blames nobody for our own delay."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from streams.runtime.deadline import LoopFairDeadline


async def test_time_runs_out() -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    with pytest.raises(TimeoutError), LoopFairDeadline(started + 0.02):
        await asyncio.Event().wait()
    assert 0.015 < loop.time() - started < 0.5


async def test_what_is_done_in_time_is_done() -> None:
    loop = asyncio.get_running_loop()
    with LoopFairDeadline(loop.time() + 0.05):
        await asyncio.sleep(0)
    await asyncio.sleep(0.08)


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
    try:
        with LoopFairDeadline(asyncio.get_running_loop().time() + 0.01):
            reading = asyncio.ensure_future(reader.read(5))
            await asyncio.sleep(0)
            theirs.send(b"hello")
            time.sleep(0.05)  # noqa: ASYNC251 - the hold-up
            assert await reading == b"hello"
    finally:
        writer.close()
        await writer.wait_closed()
        theirs.close()
