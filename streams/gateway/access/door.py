"""The door before all routes: says who the caller is, answers preflights, adds headers to every answer."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from functools import partial
from math import inf
from typing import Protocol

from msgspec import Struct

from streams.gateway.access.answer_headers import (
    ANSWER_HEADERS,
    FixedHeaders,
    add_headers,
    choose_headers,
    fixed_of,
)
from streams.gateway.access.callers import CALLER, OPEN, Caller, CallerBeforeKeys
from streams.gateway.access.credentials import (
    Credentials,
    Sent,
    read_credentials,
    read_little,
    read_sent,
    take_query_key,
)
from streams.gateway.access.key_ring import KeyRing, KnownKey
from streams.gateway.access.permissions import PERMISSIONS, SIDES, Grant, cross_origin_methods
from streams.gateway.access.refusals import UNREAD, Refused
from streams.gateway.access.visitor_tokens import Proof, VisitorTokens
from streams.gateway.http.asgi_io import Receive, Scope, Send
from streams.gateway.http.cors import METHODS, origin_headers, preflight_headers
from streams.gateway.http.limits.request_limits import SENDER, RequestLimits, Sender
from streams.gateway.http.problems import Problem
from streams.runtime.clock import Clock
from streams.runtime.settings import Settings
from streams.runtime.telemetry.metrics import Metrics

CREDENTIALS = "etalage.credentials"
"""Key of an ASGI scope: what was sent, for requests that are answered for long."""
NOWHERE: frozenset[bytes] = frozenset()
NOBODY: frozenset[Grant] = frozenset()
Origins = frozenset[bytes]

KEPT_MAX = 5_000
KEPT_BYTES_MAX = 2_048
"""Of what one sent: cookies may be many times longer than key and token. 5,000 take 6 MB, 15 at most."""


class Routes(Protocol):
    """The application behind the door, as streams.gateway.router.Router is one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def route_of(self, path: str) -> str:
        """The route of a path, empty for none."""
        ...

    async def send_missing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as for a path that is no route."""
        ...


class KnownCaller(Struct, frozen=True, eq=False):
    """What the door found out of a request, for all that send the same; `until` in epoch seconds."""

    caller: Caller
    credentials: Credentials
    headers: FixedHeaders
    sender: Sender | None
    until: float


class KnownCallers:
    """Callers who were let in lately, by all of what they sent that decides who they are.

    A page sends the same key and token with each of its requests: one look-up then stands for reading and
    proving them. It is void when the keys change, and from the moment when a token expires or a new one is
    due. Refused requests are not kept. Constant time and bounded memory: the oldest goes first.

    Args:
        ring: the API keys.
        clock: tokens expire by its wall clock.
    """

    def __init__(self, ring: KeyRing, clock: Clock) -> None:
        self._ring, self._clock = ring, clock
        self._kept: OrderedDict[Sent, KnownCaller] = OrderedDict()
        self._version = ring.version

    def find(self, sent: Sent) -> KnownCaller | None:
        """What was found out of a request that sent the same; None where it must be found out anew."""
        if self._version != self._ring.version:
            self._kept.clear()
            self._version = self._ring.version
            return None
        found = self._kept.get(sent)
        return None if found is None or found.until <= self._clock.now() else found

    def keep(self, sent: Sent, found: KnownCaller) -> None:
        """Keep what was found out just after `find`, unless what was sent is long."""
        query_key, *_, headers = sent
        if len(query_key) + sum(len(name) + len(value) for name, value in headers) <= KEPT_BYTES_MAX:
            self._kept[sent] = found
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)


class Door:
    """An ASGI application before the router.

    Args:
        routes: what is behind.
        ring: the API keys.
        tokens: of visitors.
        limits: what each may ask for; routes charge for it.
        metrics: counts cookies that prove nothing.
        settings: whose pages may call an open gateway, and where admin routes answer.
    """

    def __init__(
        self,
        routes: Routes,
        ring: KeyRing,
        tokens: VisitorTokens,
        limits: RequestLimits,
        metrics: Metrics,
        settings: Settings,
    ) -> None:
        self._routes, self._ring, self._tokens, self._metrics = routes, ring, tokens, metrics
        self._limits = limits
        self._known = KnownCallers(ring, tokens.clock)
        named = (origin.strip().rstrip("/").encode() for origin in (settings.origins or "").split(","))
        self._open_origins: Origins = frozenset(filter(None, named))
        self._apart = settings.admin_address is not None
        self.admin_port = 0
        """Of the socket that admin routes have for their own; set when it is bound."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._routes(scope, receive, send)
            return
        query_key = take_query_key(scope)
        if self._ring.state == "closed" and scope["method"] == "GET":
            self._enter_again(scope, query_key)
            origins = NOWHERE
        else:
            origins = self._enter(scope, query_key)
        if self._apart and not self._answers_here(scope):
            await self._routes.send_missing(scope, receive, add_headers(scope, send))
        elif scope["method"] == "OPTIONS" and _asks_leave(scope[CREDENTIALS]):
            await self._preflight(scope, scope[CREDENTIALS], origins, add_headers(scope, send))
        else:
            await self._routes(scope, receive, send)

    def _enter_again(self, scope: Scope, query_key: bytes) -> None:
        """As `_enter`, by what was found out of a request that sent the same, if there was one lately."""
        sent = read_sent(scope, query_key)
        known = self._known.find(sent)
        if known is not None:
            scope[CALLER], scope[CREDENTIALS] = known.caller, known.credentials
            scope[ANSWER_HEADERS] = known.headers
            if known.sender is not None:
                scope[SENDER] = known.sender
            return
        self._enter(scope, query_key)
        caller: Caller = scope[CALLER]
        if caller.same_until:
            headers = fixed_of(scope[ANSWER_HEADERS])
            found = KnownCaller(caller, scope[CREDENTIALS], headers, scope.get(SENDER), caller.same_until)
            self._known.keep(sent, found)

    def _enter(self, scope: Scope, query_key: bytes) -> Origins:
        """Note in the scope who sent the request, and what its answer gets; the origins that may read it."""
        to_all = self._ring.open and not self._open_origins
        credentials = read_little(scope) if to_all else read_credentials(scope, query_key)
        caller, origins = self._admit(scope, credentials)
        cross_origin = origin_headers(credentials.origin, origins) if origins else ()
        scope[CALLER], scope[CREDENTIALS] = caller, credentials
        scope[ANSWER_HEADERS] = choose_headers(scope, caller, credentials, cross_origin)
        return origins

    def readmit(self, scope: Scope) -> Caller:
        """Who sent a request that is answered for long, by the keys and tokens that are good now."""
        return self._admit(scope, scope[CREDENTIALS])[0]

    def _admit(self, scope: Scope, credentials: Credentials) -> tuple[Caller, Origins]:
        """The caller, and the origins whose pages may read the answer."""
        if self._ring.open:
            self._limits.identify_in_open(scope)
            return OPEN, self._open_origins
        if self._ring.shows_nobodys_pages:
            return CallerBeforeKeys(), self._open_origins
        if scope["method"] == "OPTIONS":  # a preflight has no headers of ours; its key can stand in the query
            return Caller(NOBODY, problem=_no_key()), self._preflight_origins(credentials)
        try:
            return self._identify(scope, credentials)
        except Refused as problem:
            self._limits.identify(scope, browser=True)
            return Caller(NOBODY, problem=problem), self._ring.origins

    def _identify(self, scope: Scope, credentials: Credentials) -> tuple[Caller, Origins]:
        """Raises Refused for a key or a token that is wrong, or used from elsewhere."""
        text = credentials.key_text
        if not text:
            raise Refused(503, "keys_unread", UNREAD) if self._ring.state == "unread" else _no_key()
        known = self._ring.find(text)
        origins = known.origins
        is_browser = known.key.kind == "publishable"
        self._limits.identify(scope, key=known.key.id, key_rate=known.key.rate, browser=is_browser)
        if not is_browser:
            caller = Caller(known.grants)
            caller.same_until = inf
            return caller, NOWHERE
        if credentials.origin:
            if credentials.origin not in origins and b"*" not in origins:
                raise Refused(403, "origin", "this API key is not for pages of this origin")
        elif scope["method"] == "POST" and not credentials.is_json:
            detail = "send application/json, or from a page of an origin of this API key"
            raise Refused(415, "content_type", detail)
        return self._prove(scope, credentials, known), origins

    def _prove(self, scope: Scope, credentials: Credentials, known: KnownKey) -> Caller:
        """The caller with a publishable key; raises Refused for a wrong token of the header."""
        proofs, all_good = self._proofs(credentials)
        caller = Caller(known.grants, proofs, self._tokens)
        if any(self._tokens.is_due(proof) for proof in proofs):
            self._renew(caller, scope)
        elif proofs and all_good and scope["method"] == "GET":  # those without proof get a visitor each
            caller.same_until = min(self._tokens.settled_until(proof) for proof in proofs)
        if not caller.same_until:  # else it is kept, and is the visitor that it proved
            caller.charge_new = partial(self._limits.charge_newcomer, scope)
        return caller

    def _renew(self, caller: Caller, scope: Scope) -> None:
        """Give an anonymous visitor who stays a new token in time, with an answer that is for visitors."""
        permission = PERMISSIONS.get((self._routes.route_of(scope["path"]), scope["method"]))
        if permission is not None and "publishable" in permission.grants:
            with suppress(Problem):  # nothing signs any more: the old one is good as long as it is
                caller.sign_anonymous()

    def _proofs(self, credentials: Credentials) -> tuple[list[Proof], bool]:
        """Those of the header, where a wrong one is refused, and of the cookie, where it proves nothing.

        Also whether all tokens prove something.
        """
        proofs = [self._tokens.verify(token) for token in credentials.header_tokens]
        if cookie := credentials.cookie_token:
            try:
                proofs.append(self._tokens.verify(cookie))
            except Refused as problem:
                self._metrics.count("access_refused_total", reason=problem.reason)
                return proofs, False
        return proofs, True

    def _preflight_origins(self, credentials: Credentials) -> Origins:
        try:
            return self._ring.find(credentials.key_text).origins
        except Refused:
            return self._ring.origins

    async def _preflight(self, scope: Scope, credentials: Credentials, origins: Origins, send: Send) -> None:
        methods = METHODS if self._ring.open else cross_origin_methods(self._routes.route_of(scope["path"]))
        headers = preflight_headers(credentials.origin, credentials.asks_method, origins, methods)
        status = 403 if headers is None else 204
        await send({"type": "http.response.start", "status": status, "headers": headers or []})
        await send({"type": "http.response.body"})

    def _answers_here(self, scope: Scope) -> bool:
        """Whether the route of the request is one of the port that it came to."""
        here = "admin" if self.admin_port and scope["server"][1] == self.admin_port else "public"
        return SIDES.get(self._routes.route_of(scope["path"]), "public") in (here, "both")


def _asks_leave(credentials: Credentials) -> bool:
    """Whether an OPTIONS request is a preflight."""
    return bool(credentials.asks_method and credentials.origin)


def _no_key() -> Refused:
    detail = "an API key is required, as Authorization: Bearer …, X-Etalage-Key or (publishable) ?key=…"
    return Refused(401, "no_key", detail)
