"""Headers that every answer has, and those of the visitor token that goes with it."""

from __future__ import annotations

from streams.gateway.access.credentials import COOKIE, VISITOR_HEADER, Credentials
from streams.gateway.access.visitor_tokens import SignedToken

Headers = list[tuple[bytes, bytes]]

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


def is_secure(scheme: str, forwarded: bytes) -> bool:
    """Whether the client speaks TLS, to us or to what stands before us. A client that lies harms itself."""
    return scheme == "https" or forwarded == b"https"


def security_headers(*, secure: bool, on_page: bool) -> Headers:
    """What stands in every answer: HSTS only over TLS, where alone it means something; no CSP on the demo."""
    return [NOSNIFF, *([] if on_page else [CSP_DATA]), *([HSTS] if secure else [])]


def page_csp(present: Headers) -> Headers:
    """The content security policy of an answer of the demo, which may have one of its own."""
    return [] if any(name == CSP_NAME for name, _ in present) else [CSP_PAGE]


def token_headers(token: SignedToken, credentials: Credentials, *, secure: bool, max_age: int) -> Headers:
    """Hands a token over: as a header for the page's code, as a cookie for streams and beacons.

    Args:
        token: of the visitor.
        credentials: unused cookies are not set for callers who sent the token as a header.
        secure: whether the cookie is for TLS alone.
        max_age: seconds the browser keeps it.
    """
    value = token.token.encode()
    headers = [(VISITOR_HEADER.encode(), value)]
    if not credentials.visitor:
        flags = b"; Secure" if secure else b""
        cookie = b"%b=%b; Path=/v1; Max-Age=%d; HttpOnly; SameSite=Strict%b"
        headers.append((b"set-cookie", cookie % (COOKIE.encode(), value, max_age, flags)))
    return headers
