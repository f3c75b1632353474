"""What the OpenAPI document says of API keys and visitor tokens, from the table of permissions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from streams.gateway.access.credentials import COOKIE, KEY_HEADER, SECURE_COOKIE, VISITOR_HEADER
from streams.gateway.access.permissions import PERMISSIONS

SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key of any kind"},
    "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER, "description": "the same"},
    "publishable": {"type": "apiKey", "in": "query", "name": "key", "description": "a publishable key"},
    "visitor": {"type": "apiKey", "in": "header", "name": VISITOR_HEADER, "description": "visitor tokens"},
    "visitor_cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"a visitor token; over TLS {SECURE_COOKIE}",
    },
}


def add_security(paths: dict[str, Any], describe: Callable[[Iterable[int]], dict[str, Any]]) -> None:
    """Add to each operation which keys it takes and what is answered without; an open gateway needs none.

    Args:
        paths: of the document; changed.
        describe: makes the responses of status codes.
    """
    for (path, method), permission in PERMISSIONS.items():
        operation = paths.get(path, {}).get(method.lower())
        if operation is None or permission.anybody:
            continue
        ways: list[dict[str, Any]] = [{}, {"bearer": []}, {"key": []}]
        if "publishable" in permission.grants:
            ways += [{"publishable": [], way: []} for way in ("visitor", "visitor_cookie")]
        operation["security"] = ways
        refused = [401, 403, 503]
        refused += [409] if "publishable" in permission.grants else []
        refused += [415] if method == "POST" else []  # of a publishable key, before its permissions are asked
        operation["responses"] |= describe(sorted(refused))
