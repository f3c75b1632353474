"""From method and path to a handler; every error leaves as a problem document, every answer is counted.

`GET /v1/layouts/{page}` is the hot path: it is dispatched before all others, and counts its own answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from time import perf_counter
from typing import Any

from msgspec import Struct

from streams.gateway.access.answer_headers import add_headers
from streams.gateway.access.callers import caller_of
from streams.gateway.access.permissions import SIDES
from streams.gateway.access.refusals import Refused
from streams.gateway.http.asgi_io import BODIES, ClientDisconnected, Receive, Scope, Send, send_problem
from streams.gateway.http.cors import head_as_get
from streams.gateway.http.limits.prices import DEMO
from streams.gateway.http.limits.request_limits import RateLimited, RequestLimits
from streams.gateway.http.problems import Problem
from streams.gateway.layouts.route import LayoutRoute
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]
LAYOUTS = "/v1/layouts/"
STREAM = "/stream"


class Branch(Struct, frozen=True, eq=False):
    """Paths of the form `prefix` + one segment + `suffix`; the handler gets the segment.

    `label` names the route in metrics.
    """

    prefix: str
    suffix: str
    label: str
    methods: Mapping[str, Callable[[str, Scope, Receive, Send], Awaitable[None]]]

    def handlers_of(self, path: str) -> Mapping[str, Handler] | None:
        """The handlers of a path of this form, None for another."""
        if not (path.startswith(self.prefix) and path.endswith(self.suffix)):
            return None
        segment = path[len(self.prefix) : len(path) - len(self.suffix)]
        if not segment or "/" in segment:
            return None
        return {method: partial(handler, segment) for method, handler in self.methods.items()}


class Router:
    """An ASGI application over all routes of the gateway.

    Args:
        layouts: serves `/v1/layouts/{page}` itself, its metrics included.
        exact: handlers by whole path, then by method.
        branches: tried in order for paths that are not among `exact`.
        default: gets every path that is none of these (the demo).
        limits: every request of ours but a probe costs its address a unit; handlers charge what it is worth.
        metrics: counts requests by route and status, and observes how long they took; streams only counted.
    """

    def __init__(
        self,
        *,
        layouts: LayoutRoute,
        exact: Mapping[str, Mapping[str, Handler]],
        branches: list[Branch],
        default: Handler,
        limits: RequestLimits,
        metrics: Metrics,
    ) -> None:
        self._layouts, self._exact, self._branches = layouts, exact, branches
        self._default, self._limits, self._metrics = default, limits, metrics

    def routes(self) -> dict[str, set[str]]:
        """Every route, as its path with parameters in braces, and its methods."""
        exact = {path: set(handlers) for path, handlers in self._exact.items()}
        return exact | {branch.label: set(branch.methods) for branch in self._branches}

    def route_of(self, path: str) -> str:
        """The route of a path, empty for none of ours."""
        return self._find(path)[0]

    async def send_missing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404, whatever stands at the path."""
        await send_problem(send, Problem(404, f"Not Found: {scope['path'][:100]}"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._default(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith(LAYOUTS) and scope["method"] == "GET" and not path.endswith(STREAM):
            await self._layouts.get(path[len(LAYOUTS) :], scope, receive, send)
            return
        route, methods = self._find(path)
        if methods is None:
            await self._answer_default(scope, receive, add_headers(scope, send))
            return
        if scope["method"] == "HEAD" and "GET" in methods:
            scope, send = head_as_get(scope, send)
            await self(scope, receive, send)
            return
        await self._handle(route, methods, scope, receive, add_headers(scope, send))

    async def _answer_default(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is none of ours: for anybody, and so at the cost of the address alone."""
        try:
            self._limits.charge(scope, DEMO)
        except RateLimited as limited:
            await send_problem(send, limited)
        else:
            await self._default(scope, receive, send)

    def _find(self, path: str) -> tuple[str, Mapping[str, Handler] | None]:
        """The route's name in metrics and its handlers; no handlers for a path that is none of ours."""
        if path in self._exact:
            return path, self._exact[path]
        for branch in self._branches:
            methods = branch.handlers_of(path)
            if methods is not None:
                return branch.label, methods
        return "", None

    async def _handle(
        self, route: str, methods: Mapping[str, Handler], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Run the handler; what it raises becomes a problem document."""
        started, recorder = perf_counter(), _StatusRecorder(send)
        try:
            handler = _choose_handler(methods, scope["method"])
            if SIDES.get(route) != "both":
                self._limits.charge_address(scope)
            if scope["method"] in methods:
                caller_of(scope).check(route, scope["method"])
            await handler(scope, receive, recorder.send)
        except Problem as problem:
            if isinstance(problem, Refused):
                self._metrics.count("access_refused_total", reason=problem.reason)
            await _refuse(recorder, problem)
        except ClientDisconnected:
            return
        except Exception:
            logger("gateway").exception("handling a request failed", route=route)
            await _refuse(recorder, Problem(500, "a defect of ours; the log says more"))
        finally:
            BODIES.release(scope)
        self._metrics.count("http_requests_total", route=route, code=recorder.status)
        if not route.endswith(STREAM):
            self._metrics.observe("http_request_duration_seconds", perf_counter() - started, route=route)


class _StatusRecorder:
    """A `send` that remembers the status it sent, 0 before that."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _choose_handler(methods: Mapping[str, Handler], method: str) -> Handler:
    """The method's handler; OPTIONS is answered for each path; Problem 405 for another method."""
    handler = methods.get(method)
    if handler is None:
        allowed = ", ".join(sorted([*methods, "OPTIONS"] + ["HEAD"] * ("GET" in methods)))
        if method == "OPTIONS":
            return partial(_send_allowed, allowed)
        raise Problem(405, f"{method} is not for this path; {allowed} are", headers={"allow": allowed})
    return handler


async def _send_allowed(allowed: str, scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", allowed.encode())]})
    await send({"type": "http.response.body"})


async def _refuse(recorder: _StatusRecorder, problem: Problem) -> None:
    """Send the problem, unless the answer is under way already."""
    if not recorder.status:
        await send_problem(recorder.send, problem)
