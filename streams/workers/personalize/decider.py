"""The live layouts of a round, decided in runs of the policy that fit the cache."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from msgspec import Struct

from schemas.ids import Version, VisitorId
from streams.runtime.clock import Clock
from streams.runtime.tasks import LoopSharing
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics

log = logger("decider")

BATCH_MAX = 16
"""Visitors of one run: their feature matrices stay in the second-level cache, and the loop gets its turns."""


class LiveLayoutRequest(Struct, frozen=True, kw_only=True, gc=False):
    """One visitor's live layout to be decided for `state`, which is packed.

    `previous` is what the page shows (None: unknown); `body` what Redis has of it when nothing is cached;
    `whole` asks for the body even when the content did not change.
    """

    visitor: VisitorId
    state: bytes
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


Updates = Sequence[LiveLayoutUpdate | None]
RunPolicy = Callable[[Callable[[], Updates]], Awaitable[Updates]]


async def run_inline(policy: Callable[[], Updates]) -> Updates:
    """Runs the policy on the event loop."""
    return policy()


class Decider:
    """Runs the policy for all visitors of a round, BATCH_MAX at a time; other tasks run in between.

    Args:
        decide: the policy.
        run: where it is run: on the event loop, or in a thread when its ranker would hold the loop up.
        clock: says when it is decided.
        metrics: `stage_duration_seconds` of stage `decide`, `ranker_failures_total`.
    """

    def __init__(
        self, decide: Decide, *, clock: Clock, metrics: Metrics, run: RunPolicy = run_inline
    ) -> None:
        self._decide, self._run, self._clock, self._metrics = decide, run, clock, metrics

    async def __call__(self, requests: Sequence[LiveLayoutRequest]) -> list[LiveLayoutUpdate | None]:
        """An update for each request; None for a visitor on whom the policy failed.

        Never raises what the policy raised.
        """
        updates: list[LiveLayoutUpdate | None] = []
        sharing = LoopSharing(self._clock)
        for start in range(0, len(requests), BATCH_MAX):
            updates += await self._run_policy(requests[start : start + BATCH_MAX])
            await sharing.pause_when_due()
        return updates

    async def _run_policy(self, requests: Sequence[LiveLayoutRequest]) -> Updates:
        started, now = self._clock.monotonic(), self._clock.now()
        try:
            updates = await self._run(lambda: self._decide(requests, now))
        except Exception as exc:
            if len(requests) > 1:  # one visitor's defect is nobody else's
                return [update for one in requests for update in await self._run_policy([one])]
            # Deciding must never keep a state from being written: the gateway decides on request instead.
            log.error("decision failed", error=repr(exc))
            self._metrics.count("ranker_failures_total", reason="decide_failed")
            return [None]
        self._metrics.observe("stage_duration_seconds", self._clock.monotonic() - started, stage="decide")
        return updates
