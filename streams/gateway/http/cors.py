"""What browsers and probes ask beside plain requests: calls from pages of other origins, HEAD."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.middleware.cors import CORSMiddleware

from streams.gateway.http.asgi import Scope, Send

METHODS = ("GET", "HEAD", "POST", "PUT")
HEADERS = ("content-type", "last-event-id")
EXPOSED = ("retry-after",)
PREFLIGHT_HOLDS_S = 600


def open_to(app: Any, origins: str | None) -> Any:
    """The application for pages of `origins` (comma-separated, or `*`) too; as it is when there are none."""
    allowed = [origin for part in (origins or "").split(",") if (origin := part.strip().rstrip("/"))]
    if not allowed:
        return app
    return CORSMiddleware(
        app,
        allow_origins=allowed,
        allow_methods=METHODS,
        allow_headers=HEADERS,
        expose_headers=EXPOSED,
        max_age=PREFLIGHT_HOLDS_S,
    )


def of_head(scope: Scope) -> bool:
    """Whether the request, GET by now, was HEAD: nobody sees the answer."""
    return "of_head" in scope


def as_get(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """A HEAD request as GET, with a `send` that leaves the body out."""

    async def send_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return {**scope, "method": "GET", "of_head": True}, send_headers
