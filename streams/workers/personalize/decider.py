"""Batches decisions across lanes: requests of one event loop iteration share one run of the policy."""

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

log = logger("decider")

BATCH_MAX = 64
"""Visitors of one run: the loop is held for 5 to 10 ms, and a matrix of 64 × 200 rows is still in cache."""


class LiveLayoutRequest(Struct, frozen=True, kw_only=True, gc=False):
    """One visitor's live layout to be decided for `state`.

    `previous` is what the page shows (None: unknown); `body` what Redis has of it when nothing is cached;
    `whole` asks for the body even when the content did not change.
    """

    visitor: VisitorId
    state: VisitorState
    version: Version
    previous: Any = None
    body: bytes | None = None
    whole: bool = True


class LiveLayoutUpdate(Struct, frozen=True, kw_only=True, gc=False):
    """What is written of the live layout: its head always, its body when the content changed.

    `fills` is what the page shows from now on; `record` the decision record to publish (None: not sampled).
    """

    head: bytes
    body: bytes | None
    fills: Any
    record: bytes | None = None


class Decide(Protocol):
    """The policy on the live page."""

    def __call__(self, requests: Sequence[LiveLayoutRequest], at: float) -> Sequence[LiveLayoutUpdate]:
        """An update for each request, in their order, decided at `at` (epoch s) in one run.

        Any exception means that no layout is written for these visitors.
        """
        ...


Waiting = tuple[Sequence[LiveLayoutRequest], "asyncio.Future[Sequence[LiveLayoutUpdate | None]]"]


class Decider:
    """Collects the requests of all lanes and runs the policy once per event loop iteration.

    Args:
        decide: the policy; at most BATCH_MAX visitors a run.
        clock: says when it is decided.
        metrics: `stage_duration_seconds` of stage `decide`, `ranker_failures_total`.
    """

    def __init__(self, decide: Decide, *, clock: Clock, metrics: Metrics) -> None:
        self._decide, self._clock, self._metrics = decide, clock, metrics
        self._waiting: deque[Waiting] = deque()
        self._scheduled = False

    async def __call__(self, requests: Sequence[LiveLayoutRequest]) -> Sequence[LiveLayoutUpdate | None]:
        """An update for each of at most BATCH_MAX requests; None for a visitor on whom the policy failed.

        Never raises what the policy raised. Waits for the next loop iteration, and for requests before it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[LiveLayoutUpdate | None]] = loop.create_future()
        self._waiting.append((requests, future))
        self._schedule(loop)
        return await future

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._run, loop)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        batch = self._next_batch()
        updates = self._run_policy([one for requests, _ in batch for one in requests])
        at = 0
        for requests, future in batch:
            if not future.done():  # its lane may have been cancelled
                future.set_result(updates[at : at + len(requests)])
            at += len(requests)
        if self._waiting:
            self._schedule(loop)  # other tasks run in between

    def _next_batch(self) -> list[Waiting]:
        batch = [self._waiting.popleft()]
        size = len(batch[0][0])
        while self._waiting and size + len(self._waiting[0][0]) <= BATCH_MAX:
            size += len(self._waiting[0][0])
            batch.append(self._waiting.popleft())
        return batch

    def _run_policy(self, requests: list[LiveLayoutRequest]) -> Sequence[LiveLayoutUpdate | None]:
        started = self._clock.monotonic()
        try:
            updates = self._decide(requests, self._clock.now())
        except Exception as exc:
            if len(requests) > 1:  # one visitor's defect is nobody else's
                return [update for one in requests for update in self._run_policy([one])]
            # Deciding must never keep a state from being written: the gateway decides on request instead.
            log.error("decision failed", error=repr(exc))
            self._metrics.count("ranker_failures_total", reason="decide_failed")
            return [None]
        self._metrics.observe("stage_duration_seconds", self._clock.monotonic() - started, stage="decide")
        return updates
