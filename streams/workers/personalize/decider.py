"""Deciding for several lanes at once: what was asked while the loop turned once is one run of the policy."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from models.visitor.state import VisitorState
from schemas.ids import Version, VisitorId
from streams.runtime.clock import Clock
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics

log = logger("deciding")

AT_ONCE = 64
"""Visitors of one run: the loop is held for 5 to 10 ms, and a matrix of 64 × 200 rows is still in cache."""


class Wanted(Struct, frozen=True, kw_only=True, gc=False):
    """A live layout wanted, with its body also when the content did not change if `whole` says so.

    `previous` is what the page shows (None: unknown); `body` what Redis had of it, if nothing is remembered.
    """

    visitor: VisitorId
    state: VisitorState
    version: Version
    previous: Any = None
    body: bytes | None = None
    whole: bool = True


class Verdict(Struct, frozen=True, kw_only=True, gc=False):
    """What becomes of the live layout; no body: its content did not change.

    `record` is the decision record to publish (None: not sampled).
    """

    head: bytes
    body: bytes | None
    fills: Any
    record: bytes | None = None


class Decide(Protocol):
    """The policy on the live page; one run for all. May fail: then no layout is written."""

    def __call__(self, wanted: Sequence[Wanted], at: float) -> Sequence[Verdict]: ...


Waiting = tuple[Sequence[Wanted], "asyncio.Future[Sequence[Verdict | None]]"]


class Deciding:
    """Collects what lanes want and runs `decide` once a turn of the loop, for AT_ONCE visitors at most."""

    def __init__(self, decide: Decide, *, clock: Clock, metrics: Metrics) -> None:
        self._decide, self._clock, self._metrics = decide, clock, metrics
        self._waiting: deque[Waiting] = deque()
        self._scheduled = False

    async def __call__(self, wanted: Sequence[Wanted]) -> Sequence[Verdict | None]:
        """A verdict for each (at most AT_ONCE); None for one on whom the policy failed."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[Verdict | None]] = loop.create_future()
        self._waiting.append((wanted, future))
        self._schedule(loop)
        return await future

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._run, loop)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        batch = self._next_batch()
        verdicts = self._verdicts([one for wanted, _ in batch for one in wanted])
        at = 0
        for wanted, future in batch:
            if not future.done():  # its lane may have been cancelled
                future.set_result(verdicts[at : at + len(wanted)])
            at += len(wanted)
        if self._waiting:
            self._schedule(loop)  # others get their turn in between

    def _next_batch(self) -> list[Waiting]:
        batch = [self._waiting.popleft()]
        size = len(batch[0][0])
        while self._waiting and size + len(self._waiting[0][0]) <= AT_ONCE:
            size += len(self._waiting[0][0])
            batch.append(self._waiting.popleft())
        return batch

    def _verdicts(self, wanted: list[Wanted]) -> Sequence[Verdict | None]:
        started = self._clock.monotonic()
        try:
            verdicts = self._decide(wanted, self._clock.now())
        except Exception as exc:
            if len(wanted) > 1:  # one visitor's defect is nobody else's
                return [verdict for one in wanted for verdict in self._verdicts([one])]
            # Deciding must never keep a state from being written: the gateway decides on request instead.
            log.error("deciding failed", why=repr(exc))
            self._metrics.count("ranker_failures_total", reason="decide_failed")
            return [None]
        self._metrics.observe("stage_duration_seconds", self._clock.monotonic() - started, stage="decide")
        return verdicts
