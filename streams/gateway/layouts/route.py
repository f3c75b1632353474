"""`GET /v1/layouts/{page}`: the hot route, straight on ASGI."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import perf_counter
from typing import get_args

from msgspec.structs import replace

from models.layout.rendering.fields import label_bytes, labels_of
from schemas.ids import VisitorId
from schemas.layouts import Mode, Reason
from streams.gateway.access.answer_headers import NO_STORE, add_headers, headers_of
from streams.gateway.access.callers import authorise, caller_of
from streams.gateway.access.refusals import Refused
from streams.gateway.events.exposures import Exposures
from streams.gateway.http.answer_writes import encode_lines, send_whole
from streams.gateway.http.asgi_io import (
    Receive,
    Scope,
    Send,
    encode_headers,
    send_bytes,
    send_problem,
)
from streams.gateway.http.cors import is_head
from streams.gateway.http.limits.prices import price_of_query
from streams.gateway.http.limits.request_limits import RateLimited, RequestLimits
from streams.gateway.http.parameters import LayoutQuery, parse_layout_query
from streams.gateway.http.problems import Problem
from streams.gateway.layouts.fallbacks import FallbackChain
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics, Series

ROUTE = "/v1/layouts/{page}"
MODES: frozenset[str] = frozenset(get_args(Mode))
REASONS: frozenset[str] = frozenset(get_args(Reason))
NOBODY = VisitorId("a:nobody")
LATE_S = 0.010
"""An answer so long past its deadline counts as late (invariant I5)."""


class LayoutRoute:
    """Always 200 for a well-formed request of a known page.

    Who asks for more than it may gets what everybody gets, labelled `overload`, with the fields of a 429.
    """

    def __init__(
        self, fallbacks: FallbackChain, exposures: Exposures, limits: RequestLimits, metrics: Metrics
    ) -> None:
        self._fallbacks, self._exposures, self._metrics = fallbacks, exposures, metrics
        self._answered = metrics.series("http_requests_total", route=ROUTE, code=200)
        self._durations = metrics.series("http_request_duration_seconds", route=ROUTE)
        self._responses: dict[tuple[str, bytes], Series] = {}
        self._limits = limits

    async def get(self, page: str, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()  # uvloop's time has whole milliseconds: good enough to wait by
        now = asyncio.get_running_loop().time()
        try:
            caller = caller_of(scope)
            caller.check(ROUTE, "GET")
            query, limited = self._parse(page, scope)
            if limited is None:
                layout = await self._answer(query, scope, now + query.deadline_ms / 1000)
            else:
                layout = await self._fallbacks.for_everybody(query, "overload")
        except Problem as problem:
            if isinstance(problem, Refused):
                self._metrics.count("access_refused_total", reason=problem.reason)
            await send_problem(add_headers(scope, send), problem)
            self._metrics.count("http_requests_total", route=ROUTE, code=problem.status)
            with suppress(RateLimited):  # it was answered; what else the address asks for is less by that
                self._limits.charge_address(scope)
            return
        extra = [] if limited is None else encode_headers(limited.fields)
        lines = headers_of(scope).json_lines()
        if extra:
            lines += encode_lines(extra)
        seen = not is_head(scope)
        if not (seen and send_whole(scope, lines, layout)):
            await send_bytes(send, layout, headers=headers_of(scope).added_to([NO_STORE, *extra]))
        self._count(query, layout, perf_counter() - started)
        if seen and limited is None and not (caller.about_nobody or query.machine):
            self._exposures.add(query.visitor, layout, "get")

    def _parse(self, page: str, scope: Scope) -> tuple[LayoutQuery, RateLimited | None]:
        """What was asked, and what it was over, if anything; Problem for what may not be asked."""
        limits: list[RateLimited] = []

        def own_visitor() -> VisitorId | None:
            try:
                return caller_of(scope).own_visitor()
            except RateLimited as limited:  # it is nobody yet, and gets what everybody gets
                limits.append(limited)
                return NOBODY

        query = parse_layout_query(page, scope["query_string"], own_visitor=own_visitor)
        if not limits:
            authorise(scope, query.visitor, explain=query.explain)
        elif query.explain:
            caller_of(scope).check_explain()
        if self._limits.is_machine(scope, query.visitor):
            query = replace(query, machine=True)
        return query, limits[0] if limits else self._charge(query, scope)

    def _charge(self, query: LayoutQuery, scope: Scope) -> RateLimited | None:
        """What the request was over, if anything."""
        price = price_of_query(query, live=self._fallbacks.is_live(query))
        try:
            self._limits.charge(scope, price, query.visitor)
        except RateLimited as limited:
            return limited
        return None

    async def _answer(self, query: LayoutQuery, scope: Scope, until: float) -> bytes:
        if caller_of(scope).about_nobody:
            page = await self._fallbacks.popular_or_static(query, "redis_down", until)
            return self._fallbacks.finish(query, page)
        if query.machine:
            return self._fallbacks.finish(query, await self._fallbacks.popular_or_static(query, "bot", until))
        try:
            return await self._fallbacks.answer(query, until)
        except Exception:
            logger("gateway").exception("answering a layout request failed", page=query.page)
            return await self._fallbacks.popular_or_static(query, "model_failed", until)

    def _count(self, query: LayoutQuery, layout: bytes, took_s: float) -> None:
        labels = label_bytes(layout)
        responses = self._responses.get((query.page, labels))
        if responses is None:
            responses = self._responses_of(query.page, labels)
        responses.value += 1
        self._answered.value += 1
        self._durations.observe(took_s)
        if took_s > query.deadline_ms / 1000 + LATE_S:
            self._metrics.count("layout_late_total")

    def _responses_of(self, page: str, labels: bytes) -> Series:
        """The counter of a page's answers with these labels, remembered: to find it by name costs 2 µs.

        What Redis holds may have any: those that are none of ours are counted together.
        """
        mode, reason = labels_of(labels)
        known = mode in MODES and reason in REASONS
        if not known:
            mode = reason = "unknown"
        series = self._metrics.series("layout_responses_total", page=page, mode=mode, reason=reason)
        if known:
            self._responses[page, labels] = series
        return series
