"""What a request says of its sender: key, visitor tokens, origin; read from headers and query in one pass."""

from __future__ import annotations

import base64
import re
from typing import Any

from msgspec import Struct

from streams.gateway.http.asgi_io import Scope, header

Sent = tuple[bytes, str, str, bool, tuple[tuple[bytes, bytes], ...]]
"""All of a request that decides who its caller is, and what headers the answer has: key of the query, address
of the peer, scheme, whether it is for the demo, headers."""

COOKIE = "etalage_visitor"
SECURE_COOKIE = "__Host-" + COOKIE
"""Its name over TLS: browsers take such a cookie from this very host alone, so that no page of a sibling
domain can have its victim act for a visitor of its choice."""
VISITOR_HEADER = "x-etalage-visitor"
KEY_HEADER = "x-etalage-key"
DEMO = "/demo"
"""What the paths of the demo begin with."""
BASIC_MAX = 400
"""Characters of Basic authentication that are read: a key has some fifty."""
TOKENS_MAX = 2
"""One of the browser's anonymous id, one of the user who signed in there."""

_PUBLISHABLE = b"key=pk_"
_BEARER = b"bearer "
_BASIC = b"basic "
_COOKIES = {
    secure: re.compile(name.encode() + rb"=([^;]*)")
    for secure, name in ((False, COOKIE), (True, SECURE_COOKIE))
}
_FIELDS = {
    b"authorization": "authorization",
    KEY_HEADER.encode(): "key",
    VISITOR_HEADER.encode(): "visitor",
    b"cookie": "cookie",
    b"origin": "origin",
    b"content-type": "content_type",
    b"x-forwarded-proto": "forwarded",
    b"access-control-request-method": "asks_method",
}


_UNKNOWN = ("",)
_SENT = frozenset({*_FIELDS, b"x-forwarded-for"})


def is_secure(scheme: str, forwarded: bytes) -> bool:
    """Whether the client speaks TLS, to us or to what stands before us. A client that lies harms itself."""
    return scheme == "https" or forwarded == b"https"


class Credentials(Struct, kw_only=True, gc=False):
    """Values of headers as they came, empty for none; `query_key` is the publishable key of the query.

    `scheme` is that of the request, as it came here.
    """

    authorization: bytes = b""
    key: bytes = b""
    query_key: bytes = b""
    visitor: bytes = b""
    cookie: bytes = b""
    origin: bytes = b""
    content_type: bytes = b""
    forwarded: bytes = b""
    asks_method: bytes = b""
    scheme: str = "http"

    @property
    def key_text(self) -> bytes:
        """The API key, from the first place where one stands; empty for none."""
        if self.authorization[:7].lower() == _BEARER:
            return self.authorization[7:].strip()
        if self.authorization[:6].lower() == _BASIC:
            return _basic_user(self.authorization[6:])
        return self.key or self.query_key

    @property
    def header_tokens(self) -> list[bytes]:
        """Visitor tokens of the header, TOKENS_MAX at most."""
        if b"," not in self.visitor:
            return [self.visitor] if self.visitor else []
        return [token.strip() for token in self.visitor.split(b",", TOKENS_MAX)[:TOKENS_MAX] if token.strip()]

    @property
    def cookie_token(self) -> bytes:
        """The visitor token of the cookie, empty for none.

        Empty for several, too: a page of a sibling domain may have set one of them.
        """
        named = _COOKIES[is_secure(self.scheme, self.forwarded)].finditer(self.cookie)
        values = [found[1] for found in named if self._begins_pair(found.start())]
        return values[0].rstrip(b" \t") if len(values) == 1 else b""

    def _begins_pair(self, at: int) -> bool:
        """Whether a name that stands there in the cookie's header is a whole one."""
        return not self.cookie[self.cookie.rfind(b";", 0, at) + 1 : at].strip(b" \t")

    @property
    def is_json(self) -> bool:
        """Whether the body says it is JSON, which pages of other origins cannot send unasked."""
        return self.content_type.partition(b";")[0].strip().lower() == b"application/json"


def read_sent(scope: Scope, query_key: bytes) -> Sent:
    """What `read_credentials`, `choose_headers` and the limits look at, as it came.

    Args:
        scope: of the ASGI request.
        query_key: by `take_query_key`.
    """
    headers = tuple([pair for pair in scope["headers"] if pair[0] in _SENT])
    peer, scheme = (scope.get("client") or _UNKNOWN)[0], scope.get("scheme", "http")
    return query_key, peer, scheme, scope["path"].startswith(DEMO), headers


def read_credentials(scope: Scope, query_key: bytes) -> Credentials:
    """The credentials of a request.

    Args:
        scope: of the ASGI request.
        query_key: by `take_query_key`.
    """
    found: dict[str, Any] = {"query_key": query_key}
    for name, value in scope["headers"]:
        if (field := _FIELDS.get(name)) is not None:
            found.setdefault(field, value)
    found["scheme"] = scope.get("scheme", "http")
    return Credentials(**found)


def read_little(scope: Scope) -> Credentials:
    """What matters of them where a gateway is open to all and no page of another origin is named."""
    return Credentials(forwarded=header(scope, b"x-forwarded-proto"))


def _basic_user(encoded: bytes) -> bytes:
    """The user of Basic authentication, where SDKs of analytics tools put their write key; empty for none."""
    try:
        return base64.b64decode(encoded.strip()[:BASIC_MAX], validate=True).partition(b":")[0]
    except ValueError:
        return b""


def take_query_key(scope: Scope) -> bytes:
    """The publishable key in the query string, and out of it; empty for none."""
    if _PUBLISHABLE not in scope["query_string"]:
        return b""
    pairs = scope["query_string"].split(b"&")
    scope["query_string"] = b"&".join(pair for pair in pairs if not pair.startswith(_PUBLISHABLE))
    return next((pair[4:] for pair in pairs if pair.startswith(_PUBLISHABLE)), b"")
