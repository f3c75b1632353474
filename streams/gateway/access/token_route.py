"""`POST /v1/visitor-tokens`: tokens of any visitor for the shop's server, of new anonymous ones for pages."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from schemas.codec import DECODE_ERRORS
from schemas.ids import VisitorId
from streams.gateway.access.callers import authorise, caller_of
from streams.gateway.access.visitor_tokens import USER_TTL_S, SignedToken, VisitorTokens
from streams.gateway.http.asgi_io import Receive, Scope, Send, read_body, send_bytes
from streams.gateway.http.parameters import VISITOR_PATTERN, refuse_parameters
from streams.gateway.http.problems import Problem, error_field

ROUTE = "/v1/visitor-tokens"
BYTES_MAX = 4096


class TokenRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """For whom, and for how many seconds; for none it is a new anonymous visitor."""

    visitor: Annotated[str, Meta(pattern=VISITOR_PATTERN)] | None = None
    ttl_s: Annotated[float, Meta(ge=60, le=USER_TTL_S)] = USER_TTL_S


_decode = msgspec.json.Decoder(TokenRequest).decode


class TokenRoute:
    """Signs; never gives a publishable key the token of an id that it names."""

    def __init__(self, tokens: VisitorTokens) -> None:
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refuse_parameters(scope["query_string"])
        try:
            request = _decode(await read_body(scope, receive, BYTES_MAX))
        except DECODE_ERRORS as exc:
            raise Problem(400, str(exc), field=error_field(str(exc))) from exc
        signed = self._sign(scope, request)
        await send_bytes(send, msgspec.json.encode(signed), headers=[(b"cache-control", b"no-store")])

    def _sign(self, scope: Scope, request: TokenRequest) -> SignedToken:
        caller = caller_of(scope)
        if request.visitor is not None:
            authorise(scope, request.visitor)
        if not caller.names_visitors:
            return caller.sign_anonymous()
        if request.visitor is None:
            return self._tokens.sign_anonymous()
        return self._tokens.sign(VisitorId(request.visitor), int(request.ttl_s))
