"""Headers that every answer has, and those of the visitor token that goes with it."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from typing import Any

from streams.gateway.access.callers import Caller
from streams.gateway.access.credentials import (
    COOKIE,
    DEMO,
    SECURE_COOKIE,
    VISITOR_HEADER,
    Credentials,
    is_secure,
)
from streams.gateway.access.visitor_tokens import ANONYMOUS_TTL_S, SignedToken
from streams.gateway.http.answer_writes import encode_lines
from streams.gateway.http.asgi_io import JSON, Scope, Send

Header = tuple[bytes, bytes]
Headers = list[Header]

ANSWER_HEADERS = "etalage.answer_headers"
"""Key of an ASGI scope, set by the door."""

NOSNIFF = (b"x-content-type-options", b"nosniff")
HSTS = (b"strict-transport-security", b"max-age=31536000")
CSP_NAME = b"content-security-policy"
CSP_DATA = (CSP_NAME, b"default-src 'none'; frame-ancestors 'none'")
CSP_PAGE = (
    CSP_NAME,
    b"default-src 'self'; img-src * data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; "
    b"form-action 'self'; frame-ancestors 'none'",
)
"""Of the demo's page."""


CONTENT_TYPE_JSON = (b"content-type", JSON)
NO_STORE = (b"cache-control", b"no-store")
FIXED_MAX = 256
"""Sets of headers kept: one for each origin whose pages may read."""


def security_headers(*, secure: bool, on_page: bool) -> Headers:
    """What stands in every answer: HSTS only over TLS, where alone it means something; no CSP on the demo."""
    return [NOSNIFF, *([] if on_page else [CSP_DATA]), *([HSTS] if secure else [])]


class FixedHeaders:
    """What is added to answers that hand no token over.

    Args:
        secure: whether the client speaks TLS.
        on_page: whether the answer is one of the demo.
        cross_origin: what lets a page of another origin read the answer.
    """

    __slots__ = ("_fixed", "_json_lines", "_on_page")

    def __init__(self, *, secure: bool, on_page: bool, cross_origin: Sequence[Header]) -> None:
        self._fixed = [*security_headers(secure=secure, on_page=on_page), *cross_origin]
        self._on_page = on_page
        self._json_lines = encode_lines([CONTENT_TYPE_JSON, *self.added_to([NO_STORE])])

    def added_to(self, present: Headers) -> Headers:
        """The headers of an answer that has `present` of its own."""
        if self._on_page and not any(name == CSP_NAME for name, _ in present):
            return [*present, *self._fixed, CSP_PAGE]
        return present + self._fixed

    def json_lines(self) -> bytes:
        """The head of a JSON answer that nobody may store, but its length."""
        return self._json_lines


class PageHeaders:
    """What is added to answers for a page: also the token of a new visitor, if there is one."""

    __slots__ = ("_caller", "_credentials", "_secure", "fixed")

    def __init__(
        self, fixed: FixedHeaders, caller: Caller, credentials: Credentials, *, secure: bool
    ) -> None:
        self.fixed, self._caller, self._credentials, self._secure = fixed, caller, credentials, secure

    def added_to(self, present: Headers) -> Headers:
        """As of FixedHeaders; an answer with a token is nobody else's, so no cache may keep it."""
        token = self._token()
        if token:
            present = [*(one for one in present if one[0] != NO_STORE[0]), NO_STORE]
        return self.fixed.added_to(present) + token

    def json_lines(self) -> bytes:
        """As of FixedHeaders."""
        token = self._token()
        return self.fixed.json_lines() + encode_lines(token) if token else self.fixed.json_lines()

    def _token(self) -> Headers:
        token = self._caller.new_token
        return [] if token is None else token_headers(token, self._credentials, secure=self._secure)


@lru_cache(maxsize=FIXED_MAX)
def _fixed_headers(secure: bool, on_page: bool, cross_origin: tuple[Header, ...]) -> FixedHeaders:
    return FixedHeaders(secure=secure, on_page=on_page, cross_origin=cross_origin)


def choose_headers(
    scope: Scope, caller: Caller, credentials: Credentials, cross_origin: tuple[Header, ...]
) -> FixedHeaders | PageHeaders:
    """What is added to the answer of a request; those of pages of one origin are made once."""
    secure = is_secure(scope.get("scheme", "http"), credentials.forwarded)
    fixed = _fixed_headers(secure, scope["path"].startswith(DEMO), cross_origin)
    return fixed if caller.names_visitors else PageHeaders(fixed, caller, credentials, secure=secure)


def fixed_of(headers: FixedHeaders | PageHeaders) -> FixedHeaders:
    """Those without a token."""
    return headers if isinstance(headers, FixedHeaders) else headers.fixed


def add_headers(scope: Scope, send: Send) -> Send:
    """A `send` that adds them. The hot path asks for them itself, by `headers_of`."""
    answer = headers_of(scope)

    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": answer.added_to(list(message.get("headers", ())))}
        await send(message)

    return send_with_headers


def headers_of(scope: Scope) -> FixedHeaders | PageHeaders:
    """What the door adds to the answer of this request."""
    headers: FixedHeaders | PageHeaders = scope[ANSWER_HEADERS]
    return headers


def token_headers(token: SignedToken, credentials: Credentials, *, secure: bool) -> Headers:
    """Hands a token over: as a header for the page's code, as a cookie for streams and beacons.

    Args:
        token: of the visitor.
        credentials: unused cookies are not set for callers who sent the token as a header.
        secure: whether the cookie is for TLS and this host alone.
    """
    value = token.token.encode()
    headers = [(VISITOR_HEADER.encode(), value)]
    if not credentials.visitor:
        name, flags = (SECURE_COOKIE, b"; Secure") if secure else (COOKIE, b"")
        cookie = b"%b=%b; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%b"
        headers.append((b"set-cookie", cookie % (name.encode(), value, ANONYMOUS_TTL_S, flags)))
    return headers
