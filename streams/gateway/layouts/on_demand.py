"""Layouts made on request: decided from a visitor's state, popular, or the packaged one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from models.layout.fills.packed_fills import PackedFills, fills_of_body
from models.layout.rendering.answer import layout_bytes
from models.layout.rendering.cards import hydrate
from models.layout.rendering.fields import body_of
from models.layout.validity import still_valid
from models.policy.decide import decide
from models.policy.fallback import static_layout
from models.policy.inspection.explain import explained_answer
from models.policy.layout_decision import LayoutDecision, PageRequest
from models.policy.snapshot import Snapshot
from models.visitor.packing import version_of
from schemas.errors import UnknownVersion
from schemas.ids import VisitorId
from schemas.layouts import Reason
from streams.gateway.http.parameters import LayoutQuery
from streams.gateway.layouts.popular_cache import PopularLayoutCache
from streams.gateway.layouts.store_reads import ReadFailed
from streams.runtime.clock import Clock
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics
from streams.shop.policy_thread import PolicyThread

LOG_EVERY_S = 1.0


class DecisionFailed(Exception):
    """No layout was decided; `reason` is the label of the one that is served instead.

    `budget`: there was no time. `overload`: no turn at the event loop. `model_failed`: deciding raised, and
    the log says what. `stream_stale`: one of these, and the state that was read lacked the event of the
    request's token.
    """

    def __init__(self, reason: Literal["budget", "overload", "model_failed", "stream_stale"]) -> None:
        super().__init__(reason)
        self.reason = reason


class DecisionLog(Protocol):
    """Records decisions for training."""

    def samples(self, visitor: VisitorId) -> bool:
        """Whether a decision for a visitor is recorded; asked once for each."""
        ...

    def add(self, decision: LayoutDecision) -> None:
        """Records one; its request must ask for its evidence."""
        ...


class OnDemandLayouts:
    """Takes the shop once for each layout, so that none mixes two.

    Args:
        shop: the shop as this process has it now.
        clock: where decisions take their time from.
        metrics: counts what was decided.
        policy_thread: where decisions are made whose ranker would hold up the event loop.
        decisions: gets the decisions for the visitors it samples; None: nobody's are recorded.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        clock: Clock,
        metrics: Metrics,
        policy_thread: PolicyThread,
        decisions: DecisionLog | None = None,
    ) -> None:
        self._snapshot, self._clock, self._metrics = snapshot, clock, metrics
        self._policy_thread, self._decisions = policy_thread, decisions
        self._popular_layouts = PopularLayoutCache()
        self._logged_at = float("-inf")

    async def decide(
        self, query: LayoutQuery, partition: int, until: float, packed: bytes | None, shown: bytes | None
    ) -> bytes:
        """The layout for a stored state, with reasons when the query asks for them.

        Args:
            query: what was asked.
            partition: the visitor's, for the layout's version.
            until: how long to wait for a decision that is made beside the event loop.
            packed: the visitor's stored state; None for a visitor we do not know.
            shown: the layout (or its body) that the visitor sees now: the new one differs no more than it
                must (models/layout/stability.py), and has the same id when the content is the same. None
                when that is not known.

        Returns:
            The JSON of a layout without cards.

        Raises:
            ReadFailed: `redis_down`, when the state cannot be read.
            DecisionFailed: `model_failed`, for whatever was raised meanwhile; it is logged. `budget`, when
                there was no decision by `until`.
        """
        snapshot = self._snapshot()
        try:
            recorded = self._decisions is not None and self._decisions.samples(query.visitor)
            request = _page_request(query, partition, packed, shown, explained=query.explain or recorded)
            at = self._clock.now()
            decision = await self._policy_thread.run(
                snapshot.ranker, lambda: decide(snapshot, [request], at)[0], until
            )
            provenance = decision.fills.provenance
            self._metrics.count("layouts_decided_total", mode=provenance.mode, reason=provenance.reason)
            if self._decisions is not None and recorded:
                self._decisions.add(decision)
            return explained_answer(decision) if query.explain else decision.head() + decision.body()
        except TimeoutError as exc:
            raise DecisionFailed("budget") from exc
        except Exception as exc:
            raise self._failure(exc) from exc

    def _failure(self, exc: Exception) -> ReadFailed | DecisionFailed:
        """What an exception at hand means for the answer, counted or logged."""
        if isinstance(exc, UnknownVersion):
            self._metrics.count("store_errors_total", kind="unreadable")
            return ReadFailed("redis_down")
        self._log_exception("deciding a layout failed")
        return DecisionFailed("model_failed")

    def is_valid(self, query: LayoutQuery, layout: bytes) -> bool:
        """Whether a stored layout may be shown by the shop as it is; False for one that cannot be read."""
        try:
            return still_valid(self._snapshot().shop, query.page, layout, self._clock.now())
        except Exception:
            self._log_exception("reading a stored layout failed")
            return False

    def has_popular(self, query: LayoutQuery, reason: Reason) -> bool:
        """Whether `popular` has its answer ready, and need not decide."""
        return self._popular_layouts.has(self._snapshot(), query, reason, self._clock.now())

    def popular(self, query: LayoutQuery, reason: Reason) -> bytes | None:
        """What everybody likes, labelled with why; None without items, or when deciding raises (logged)."""
        snapshot = self._snapshot()
        try:
            if snapshot.shop.items.n:
                return self._popular_layouts.layout_for(snapshot, query, reason, self._clock.now())
        except Exception:
            self._log_exception("deciding a popular layout failed")
        return None

    def static(self, query: LayoutQuery, reason: Reason) -> bytes:
        """The packaged page, labelled with why; needs neither shop nor state."""
        return layout_bytes(static_layout(query.page, query.visitor, reason))

    def hydrate(self, query: LayoutQuery, layout: bytes) -> bytes:
        """The layout with cards when the query asks for them; without, when that raises (logged)."""
        if not query.hydrate:
            return layout
        try:
            return hydrate(layout, self._snapshot().shop)
        except Exception:
            self._log_exception("hydrating a layout failed")
            return layout

    def _log_exception(self, event: str) -> None:
        """Log the exception at hand; a defect that meets every request is not worth a line for each."""
        now = self._clock.monotonic()
        if now - self._logged_at >= LOG_EVERY_S:
            self._logged_at = now
            logger("gateway").exception(event)


def _page_request(
    query: LayoutQuery, partition: int, packed: bytes | None, shown: bytes | None, *, explained: bool
) -> PageRequest:
    return PageRequest(
        visitor=query.visitor,
        state=packed or b"",
        version=version_of(packed, partition) if packed else None,
        page=query.page,
        item=query.item,
        category=query.category,
        q=query.q,
        previous=None if shown is None else _fills_of(shown),
        explained=explained,
    )


def _fills_of(shown: bytes) -> PackedFills | None:
    """What a layout or its body shows; None for bytes that are no layout of this code."""
    try:
        return fills_of_body(body_of(shown))
    except ValueError:
        return None
