"""From method and path to a handler; every error leaves as a problem document, every answer is counted.

Two routes are asked for thousands of times a second and go by hand: layouts and their streams.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from time import perf_counter
from typing import Any

from msgspec import Struct

from streams.gateway.http.asgi import Gone, Receive, Scope, Send, send_problem
from streams.gateway.http.cors import as_get
from streams.gateway.http.problems import Problem
from streams.gateway.layouts.route import Layouts
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]
LAYOUTS = "/v1/layouts/"
STREAM = "/stream"


class Branch(Struct, frozen=True, eq=False):
    """Paths of the form `prefix` + something without a slash + `suffix`; the handler gets the something."""

    prefix: str
    suffix: str
    label: str
    methods: Mapping[str, Callable[[str, Scope, Receive, Send], Awaitable[None]]]

    def of(self, path: str) -> Mapping[str, Handler] | None:
        """The handlers of a path of this form, None for another."""
        if not (path.startswith(self.prefix) and path.endswith(self.suffix)):
            return None
        rest = path[len(self.prefix) : len(path) - len(self.suffix)]
        if not rest or "/" in rest:
            return None
        return {method: partial(handler, rest) for method, handler in self.methods.items()}


class Router:
    """An ASGI application. `others` gets every path that is not ours (the demo)."""

    def __init__(
        self,
        *,
        layouts: Layouts,
        exact: Mapping[str, Mapping[str, Handler]],
        branches: list[Branch],
        others: Handler,
        metrics: Metrics,
    ) -> None:
        self._layouts, self._exact, self._branches = layouts, exact, branches
        self._others, self._metrics = others, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith(LAYOUTS) and scope["method"] == "GET" and not path.endswith(STREAM):
            await self._layouts.get(path[len(LAYOUTS) :], scope, receive, send)
            return
        route, methods = self._found(path)
        if methods is None:
            await self._others(scope, receive, send)
            return
        if scope["method"] == "HEAD" and "GET" in methods:
            scope, send = as_get(scope, send)
            await self(scope, receive, send)
            return
        await self._measured(route, methods, scope, receive, send)

    def _found(self, path: str) -> tuple[str, Mapping[str, Handler] | None]:
        if path in self._exact:
            return path, self._exact[path]
        for branch in self._branches:
            methods = branch.of(path)
            if methods is not None:
                return branch.label, methods
        return "", None

    async def _measured(
        self, route: str, methods: Mapping[str, Handler], scope: Scope, receive: Receive, send: Send
    ) -> None:
        started, seen = perf_counter(), _Watched(send)
        try:
            await _handler_of(methods, scope["method"])(scope, receive, seen.send)
        except Problem as problem:
            await _refuse(seen, problem)
        except Gone:
            return
        except Exception:
            logger("gateway").exception("request failed", route=route)
            await _refuse(seen, Problem(500, "a defect of ours; the log says more"))
        self._metrics.count("http_requests_total", route=route, code=seen.status)
        if not route.endswith(STREAM):
            self._metrics.observe("http_request_duration_seconds", perf_counter() - started, route=route)


class _Watched:
    """A `send` that remembers the status it sent, 0 before that."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _handler_of(methods: Mapping[str, Handler], method: str) -> Handler:
    handler = methods.get(method)
    if handler is None:
        allowed = ", ".join(sorted([*methods, "OPTIONS"] + ["HEAD"] * ("GET" in methods)))
        if method == "OPTIONS":
            return partial(_say_allowed, allowed)
        raise Problem(405, f"{method} is not for this path; {allowed} are", headers={"allow": allowed})
    return handler


async def _say_allowed(allowed: str, scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", allowed.encode())]})
    await send({"type": "http.response.body"})


async def _refuse(seen: _Watched, problem: Problem) -> None:
    """Say so, unless the answer is under way already."""
    if not seen.status:
        await send_problem(seen.send, problem)


async def no_such_path(scope: Scope, receive: Receive, send: Send) -> None:
    """The answer for paths that nobody serves."""
    if scope["type"] == "http":
        await send_problem(send, Problem(404, f"no such path: {scope['path'][:100]}"))
