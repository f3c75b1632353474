"""`GET /v1/layouts/{page}`: the hot route, straight on ASGI."""

from __future__ import annotations

import asyncio
from time import perf_counter

from models.layout.rendering.fields import labels_of
from streams.gateway.access.answer_headers import add_headers, headers_of
from streams.gateway.access.callers import authorise, caller_of
from streams.gateway.access.refusals import Refused
from streams.gateway.events.exposures import Exposures
from streams.gateway.http.asgi_io import JSON, Receive, Scope, Send, encode_headers, header, send_problem
from streams.gateway.http.bots import is_bot
from streams.gateway.http.cors import is_head
from streams.gateway.http.limits.prices import price_of_page
from streams.gateway.http.limits.request_limits import RateLimited, RequestLimits
from streams.gateway.http.parameters import LayoutQuery, parse_layout_query
from streams.gateway.http.problems import Problem
from streams.gateway.layouts.fallbacks import FallbackChain
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics

ROUTE = "/v1/layouts/{page}"
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
        self._limits = limits

    async def get(self, page: str, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()  # uvloop's time has whole milliseconds: good enough to wait by
        now = asyncio.get_running_loop().time()
        try:
            caller = caller_of(scope)
            caller.check(ROUTE, "GET")
            query = parse_layout_query(page, scope["query_string"], own_visitor=caller.own_visitor)
            authorise(scope, query.visitor, explain=query.explain)
            limited = self._charge(query, scope)
            if limited is None:
                layout = await self._answer(query, scope, now + query.deadline_ms / 1000)
            else:
                layout = await self._fallbacks.for_everybody(query, "overload")
        except Problem as problem:
            if isinstance(problem, Refused):
                self._metrics.count("access_refused_total", reason=problem.reason)
            await send_problem(add_headers(scope, send), problem)
            self._metrics.count("http_requests_total", route=ROUTE, code=problem.status)
            return
        length = b"%d" % len(layout)
        headers = [(b"content-type", JSON), (b"content-length", length), (b"cache-control", b"no-store")]
        if limited is not None:
            headers += encode_headers(limited.fields)
        await send(
            {"type": "http.response.start", "status": 200, "headers": headers_of(scope).added_to(headers)}
        )
        await send({"type": "http.response.body", "body": layout})
        self._count(query, layout, perf_counter() - started)
        if not is_head(scope):
            self._exposures.add(query.visitor, layout, "get")

    def _charge(self, query: LayoutQuery, scope: Scope) -> RateLimited | None:
        """What the request was over, if anything."""
        price = price_of_page(live=self._fallbacks.is_live(query), explain=query.explain)
        try:
            self._limits.charge(scope, price, query.visitor)
        except RateLimited as limited:
            return limited
        return None

    async def _answer(self, query: LayoutQuery, scope: Scope, until: float) -> bytes:
        if is_bot(header(scope, b"user-agent")):
            return self._fallbacks.finish(query, await self._fallbacks.popular_or_static(query, "bot", until))
        try:
            return await self._fallbacks.answer(query, until)
        except Exception:
            logger("gateway").exception("answering a layout request failed", page=query.page)
            return await self._fallbacks.popular_or_static(query, "model_failed", until)

    def _count(self, query: LayoutQuery, layout: bytes, took_s: float) -> None:
        mode, reason = labels_of(layout)
        count = self._metrics.count
        count("layout_responses_total", page=query.page, mode=mode, reason=reason)
        count("http_requests_total", route=ROUTE, code=200)
        self._metrics.observe("http_request_duration_seconds", took_s, route=ROUTE)
        if took_s > query.deadline_ms / 1000 + LATE_S:
            count("layout_late_total")
