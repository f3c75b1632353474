"""What browsers and probes ask beside plain requests: calls from pages of other origins (CORS), HEAD."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.middleware.cors import CORSMiddleware

from streams.gateway.http.asgi_io import Scope, Send

METHODS = ("GET", "HEAD", "POST", "PUT")
HEADERS = ("content-type", "last-event-id")
EXPOSED = ("retry-after",)
PREFLIGHT_HOLDS_S = 600


def allow_origins(app: Any, origins: str | None) -> Any:
    """The application behind CORS headers for pages of other origins.

    Args:
        app: an ASGI application.
        origins: comma-separated (`https://shop.example`), or `*` for all.

    Returns:
        `app` itself when no origin is named: then nothing stands before the hot path.
    """
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


def is_head(scope: Scope) -> bool:
    """Whether the request was HEAD before `head_as_get` made it GET: nobody sees the answer's body."""
    return "is_head" in scope


def head_as_get(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """A HEAD request as GET, with a `send` that leaves the body out."""

    async def send_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return {**scope, "method": "GET", "is_head": True}, send_headers
