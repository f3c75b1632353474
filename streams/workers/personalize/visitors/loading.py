"""The visitors of a round as last decided, from the cache or else from the store.

A state that no code of ours can have written is set aside: one visitor's key must not keep all others
waiting. That visitor begins anew with the records from here on, until `etalage visitor repair` folds the log
again. So is a window, whose messages are then counted if they come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from models.visitor.packing import is_readable
from models.visitor.state_fields import WINDOW_VERSION, is_window
from models.visitor.typed_state import NEWER_VERSIONS, may_be_newer
from schemas.errors import Fenced, QuarantineFull, Regressed, UnknownVersion
from schemas.ids import VisitorId
from streams.runtime.retries import Retry
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import Loaded, Quarantined, VisitorStore, fresh_nonce
from streams.workers.group.ownership import Holding
from streams.workers.personalize.slices import PreparedChunk
from streams.workers.personalize.visitors.visitor_cache import CachedVisitor, VisitorCache

log = logger("quarantine")

KnownVisitors = dict[VisitorId, tuple[CachedVisitor, bytes | None]]
"""Visitors before a chunk, each with the body of the stored layout where that was read with it."""

SET_ASIDE_MAX = 20
"""States that one process sets aside in its life: with more, something spoils the store."""


class VisitorLoading:
    """Looks visitors up for the engine.

    Args:
        store: has whom the cache has not.
        retries: for calls of the store.
        metrics: `lru_hits_total`, `lru_misses_total`, `quarantined_total`.
        bodies: whether bodies of layouts are wanted too.
    """

    def __init__(self, store: VisitorStore, retries: Retry, metrics: Metrics, *, bodies: bool) -> None:
        self._store, self._retries, self._metrics, self._bodies = store, retries, metrics, bodies
        self._aside = 0

    async def look_up(self, prepared: Sequence[PreparedChunk], cache: VisitorCache) -> KnownVisitors:
        """Each visitor of the chunks. Bytes of states are not looked at: what fold refuses, `mend` mends.

        Raises as `mend`.

        Complexity: one round trip for all visitors that are not cached; more for each misplaced key.
        """
        known: KnownVisitors = {}
        missing: list[tuple[PreparedChunk, list[VisitorId]]] = []
        for one in prepared:
            holding = one.chunk.holding
            cached = {visitor: cache.get(visitor, holding) for visitor in one.decoded.by_visitor}
            known |= {visitor: (entry, None) for visitor, entry in cached.items() if entry is not None}
            if absent := [visitor for visitor, entry in cached.items() if entry is None]:
                missing.append((one, absent))
        self._metrics.count("lru_hits_total", len(known))
        if missing:
            self._metrics.count("lru_misses_total", sum(len(absent) for _, absent in missing))
            for (one, absent), found in zip(missing, await self._load(missing), strict=True):
                for visitor, loaded in zip(absent, found, strict=True):
                    known[visitor] = _make_entry(one, loaded)
                    if loaded.misplaced or loaded.state == b"" or not is_window(loaded.window or b""):
                        known[visitor] = await self.mend(one, visitor, loaded)
        return known

    async def _load(self, missing: Sequence[tuple[PreparedChunk, list[VisitorId]]]) -> list[list[Loaded]]:
        """Of each partition what the store has of its visitors, in one round trip for all."""
        load, bodies = self._store.load, self._bodies
        return await self._retries(
            "load",
            lambda: asyncio.gather(
                *(load(one.chunk.holding.partition, absent, bodies=bodies) for one, absent in missing)
            ),
        )

    async def mend(
        self, one: PreparedChunk, visitor: VisitorId, loaded: Loaded
    ) -> tuple[CachedVisitor, bytes | None]:
        """The visitor as it can be gone on from, once a state that cannot be read is set aside.

        A chunk whose partition the store refuses us meanwhile is marked `refused`.

        Raises:
            UnknownVersion: the state may have been written by newer code.
            QuarantineFull: too many states cannot be read.
        """
        holding = one.chunk.holding
        if "layout" in loaded.misplaced:  # derived, so it is only written over
            self._metrics.count("quarantined_total", kind="layout")
            log.warning("layout replaced", partition=holding.partition, visitor=visitor, found="another type")
        while not (_has_sound_state(loaded) and _has_sound_window(loaded)):
            try:
                await self._set_aside(holding, visitor, loaded, window=_has_sound_state(loaded))
            except (Fenced, Regressed) as exc:
                one.refused = exc
                return _make_entry(one, Loaded())
            (loaded,) = await self._retries(
                "load", lambda: self._store.load(holding.partition, [visitor], bodies=self._bodies)
            )
        return _make_entry(one, loaded)

    async def _set_aside(self, holding: Holding, visitor: VisitorId, loaded: Loaded, *, window: bool) -> None:
        """Set what cannot be read aside, counted and told; raises Fenced, Regressed and as `mend`."""
        partition, kind = holding.partition, "window" if window else "state"
        value = loaded.window if window else loaded.state
        is_newer = _may_be_newer_window if window else may_be_newer
        if value is not None and is_newer(value):  # after a rollback all are so: none is set aside
            raise UnknownVersion(
                f"partition {partition} holds a {kind} of version {value[0]}, of visitor {visitor}: start "
                f"the newer code that wrote it; if there is none, `etalage visitor repair {visitor}`"
            )
        if self._aside >= SET_ASIDE_MAX:
            raise QuarantineFull(f"{SET_ASIDE_MAX} values were set aside by this process; {_REMEDY}")
        nonce = fresh_nonce()
        try:
            kept: Quarantined | None = await self._retries(
                "quarantine",
                lambda: self._store.quarantine(
                    partition, holding.epoch, visitor, value, window=window, nonce=nonce
                ),
            )
        except QuarantineFull as exc:
            raise QuarantineFull(f"{exc}; {_REMEDY}") from None
        if kept is not None:
            self._aside += 1
            self._metrics.count("quarantined_total", kind=kind)
            log.error(
                f"{kind} set aside", partition=partition, visitor=visitor, found=kept.found, key=kept.key,
                remedy=f"etalage visitor repair {visitor}",
            )  # fmt: skip


_REMEDY = (
    "find out what writes to this Redis, then `etalage visitor quarantine` lists them and "
    "`etalage visitor repair --all` folds them again"
)


def _make_entry(one: PreparedChunk, loaded: Loaded) -> tuple[CachedVisitor, bytes | None]:
    state = loaded.state + (loaded.window or b"") if loaded.state else b""
    entry = CachedVisitor(one.chunk.holding, state, None, float("-inf"), end=0)
    return entry, loaded.body


def _has_sound_state(loaded: Loaded) -> bool:
    """Whether the state can be folded on; none at all can, but empty bytes are no state."""
    state = loaded.state
    if state is None:
        return "state" not in loaded.misplaced
    return bool(state) and is_readable(state)


def _may_be_newer_window(window: bytes) -> bool:
    return bool(window) and 0 < window[0] - WINDOW_VERSION <= NEWER_VERSIONS


def _has_sound_window(loaded: Loaded) -> bool:
    return "window" not in loaded.misplaced and is_window(loaded.window or b"")
