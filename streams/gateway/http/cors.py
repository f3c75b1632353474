"""What browsers and probes ask beside plain requests: calls from pages of other origins (CORS), HEAD."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from functools import lru_cache
from typing import Any

from streams.gateway.http.asgi_io import Scope, Send

METHODS = ("GET", "HEAD", "POST", "PUT")
"""Of a gateway without keys, from the pages it names."""
HEADERS = "authorization, content-type, last-event-id, x-etalage-key, x-etalage-visitor"
EXPOSED = b"retry-after, ratelimit, ratelimit-policy, x-etalage-visitor"
PREFLIGHT_HOLDS_S = 600

Headers = list[tuple[bytes, bytes]]
_ALLOW = b"access-control-allow-"
_VARY = (b"vary", b"origin")


@lru_cache(maxsize=256)
def origin_headers(origin: bytes, allowed: frozenset[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that let a page of an allowed origin read an answer.

    Cookies are sent for origins that are named, never for `*`.

    Args:
        origin: the Origin header, empty for none.
        allowed: origins as `https://shop.example`, or `*` among them for all.
    """
    if origin and origin in allowed:
        named: Headers = [(_ALLOW + b"origin", origin), (_ALLOW + b"credentials", b"true")]
    elif origin and b"*" in allowed:
        named = [(_ALLOW + b"origin", b"*")]
    else:
        return (_VARY,)
    return (*named, (b"access-control-expose-headers", EXPOSED), _VARY)


def preflight_headers(
    origin: bytes, method: bytes, allowed: frozenset[bytes], methods: Iterable[str]
) -> Headers | None:
    """What a preflight is answered beside `origin_headers`; None when the page may not do what it asks."""
    permitted = list(methods)
    if not {origin, b"*"} & allowed or method.decode("latin-1") not in permitted:
        return None
    return [
        (_ALLOW + b"methods", ", ".join(permitted).encode()),
        (_ALLOW + b"headers", HEADERS.encode()),
        (b"access-control-max-age", b"%d" % PREFLIGHT_HOLDS_S),
    ]


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
