"""Layouts made on request: decided from a state, else popular, else the packaged one. Never an exception."""

from __future__ import annotations

from collections.abc import Callable

from models.layout.context import PageRequest
from models.layout.fills import fills_of_body
from models.layout.rendering.answer import layout_bytes
from models.layout.rendering.cards import hydrate
from models.layout.rendering.fields import body_of
from models.layout.validity import still_valid
from models.policy.decide import decide
from models.policy.decision import LayoutDecision
from models.policy.explain import explained_answer
from models.policy.fallback import static_layout
from models.policy.snapshot import Snapshot
from models.visitor.packing import unpack
from models.visitor.state import EMPTY, VisitorState
from schemas.ids import Version
from schemas.layouts import Reason
from streams.gateway.http.parameters import LayoutQuery
from streams.gateway.layouts.popular_cache import PopularLayoutCache
from streams.runtime.clock import Clock
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics

COMPLAIN_EVERY_S = 1.0


class OnDemandLayouts:
    """Takes the shop once for each layout, so that none mixes two."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        clock: Clock,
        metrics: Metrics,
        note: Callable[[LayoutDecision], None] = lambda decided: None,
    ) -> None:
        self._snapshot, self._clock, self._metrics, self._note = snapshot, clock, metrics, note
        self._patterns = PopularLayoutCache()
        self._complained_at = float("-inf")

    def decided(
        self, query: LayoutQuery, partition: int, packed: bytes | None, shown: bytes | None = None
    ) -> bytes:
        """The layout for a stored state; `shown` is the layout (or body) that stands there now, for calm."""
        snapshot = self._snapshot()
        try:
            state = unpack(packed) if packed is not None else EMPTY
            decided = decide(snapshot, [_ask(query, state, partition, shown)], self._clock.now())[0]
            provenance = decided.fills.provenance
            self._metrics.count("layouts_decided_total", mode=provenance.mode, reason=provenance.reason)
            self._note(decided)
            return explained_answer(decided) if query.explain else decided.head() + decided.body()
        except Exception:
            self._complain("layout not decided")
            return self.makeshift(query, "model_failed")

    def still_valid(self, query: LayoutQuery, layout: bytes) -> bool:
        """Whether a stored layout may be shown by the shop as it is now; not one that cannot be read."""
        try:
            return still_valid(self._snapshot().shop, query.page, layout, self._clock.now())
        except Exception:
            self._complain("stored layout not understood")
            return False

    def makeshift(self, query: LayoutQuery, reason: Reason) -> bytes:
        """What everybody likes, for when nothing can be known of the visitor; else the packaged page."""
        snapshot = self._snapshot()
        try:
            if snapshot.shop.items.n:
                return self._patterns.fitted(snapshot, query, reason, self._clock.now())
        except Exception:
            self._complain("popular layout not made")
        return layout_bytes(static_layout(query.page, query.visitor, reason))

    def finished(self, query: LayoutQuery, layout: bytes) -> bytes:
        """The layout as the query wants it: with cards, when it asks for them."""
        if not query.hydrate:
            return layout
        try:
            return hydrate(layout, self._snapshot().shop)
        except Exception:
            self._complain("layout not hydrated")
            return layout

    def _complain(self, what: str) -> None:
        """Log the exception at hand; a defect that meets every request is not worth a line for each."""
        now = self._clock.monotonic()
        if now - self._complained_at >= COMPLAIN_EVERY_S:
            self._complained_at = now
            logger("gateway").exception(what)


def _ask(query: LayoutQuery, state: VisitorState, partition: int, shown: bytes | None) -> PageRequest:
    version = None if state.offset < 0 else Version(state.incarnation, partition, state.offset)
    return PageRequest(
        visitor=query.visitor,
        state=state,
        version=version,
        page=query.page,
        item=query.item,
        category=query.category,
        q=query.q,
        previous=None if shown is None else fills_of_body(body_of(shown)),
    )
