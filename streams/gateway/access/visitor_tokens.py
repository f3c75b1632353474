"""Visitor tokens: JWTs (HS256) that prove which visitor a browser is.

`kid` in the header names a signing key of the namespace, `sub` is the visitor, `exp` is required. The shop's
server makes them for its users, with the library of its language or by `POST /v1/visitor-tokens`; the gateway
makes them for anonymous visitors whose ids it made itself, so that no guessed id gets one.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from typing import Any

import jwt
from msgspec import Struct

from schemas.ids import VisitorId
from schemas.sources import source_of
from streams.gateway.access.key_ring import KeyRing
from streams.gateway.access.refusals import Refused
from streams.gateway.http.parameters import VISITOR_PATTERN
from streams.gateway.http.problems import Problem
from streams.runtime.clock import Clock

ALGORITHM = "HS256"
ISSUER = "etalage"
BYTES_MAX = 1024
"""A token of the longest visitor id has some 400."""
USER_TTL_S = 24 * 3600
"""How long a token of a signed-in visitor may live at most."""
ANONYMOUS_TTL_S = 30 * 24 * 3600
RENEW_BELOW_S = ANONYMOUS_TTL_S - 24 * 3600
"""An anonymous visitor who comes back gets a new token once a day, and so keeps the id."""
CLOCK_SLACK_S = 60
"""How far the clocks of the shop's server and ours may be apart."""
REMEMBERED_MAX = 10_000
"""Verified tokens kept: a verification costs some 30 µs, finding one a tenth of one."""

_VISITOR = re.compile(VISITOR_PATTERN[1:-1])
_UNCHECKED = ("exp", "iat", "nbf", "aud", "jti")
_CHECKED = {"require": ["exp", "sub"], **{f"verify_{name}": False for name in _UNCHECKED}}
"""Times are compared with our own clock below; whom else the shop's token is for is its own business."""


class Proof(Struct, frozen=True, gc=False):
    """That the sender is this visitor, until `expires` (epoch s); `ours` if the gateway began the chain."""

    visitor: VisitorId
    expires: float
    ours: bool


class SignedToken(Struct, frozen=True):
    """A token with what it says; `expires_at` in epoch seconds."""

    visitor: VisitorId
    token: str
    expires_at: int


class VisitorTokens:
    """Signs tokens and verifies them; those verified lately are found by their bytes."""

    def __init__(self, ring: KeyRing, clock: Clock) -> None:
        self._ring, self.clock = ring, clock
        self._verified: OrderedDict[bytes, Proof] = OrderedDict()
        self._version = ring.version

    def sign(self, visitor: VisitorId, ttl_s: int, **claims: str) -> SignedToken:
        """A token for a visitor, with further claims; Problem 409 while there is no key that signs."""
        now = self.clock.now()
        key = self._ring.signer(now)
        if key is None:
            raise Problem(409, "no visitor token can be signed: `etalage keys create --kind signing`")
        expires = int(now) + ttl_s
        token = jwt.encode(
            {"sub": visitor, "exp": expires, **claims},
            key.secret,
            algorithm=ALGORITHM,
            headers={"kid": key.id},
        )
        return SignedToken(visitor, token, expires)

    def sign_anonymous(self, visitor: VisitorId | None = None) -> SignedToken:
        """A token for an anonymous visitor; of a new id, which nobody can guess, unless one is given."""
        return self.sign(visitor or VisitorId("a:" + secrets.token_hex(16)), ANONYMOUS_TTL_S, iss=ISSUER)

    def source_of(self, address: str) -> bytes:
        """An address as the events topic has it (`schemas.sources`); empty while no key signs."""
        now = self.clock.now()
        key = self._ring.signer(now)
        return source_of(address, key.secret, now) if key is not None else b""

    def is_due(self, proof: Proof) -> bool:
        """Whether a visitor should get a new token; one that the shop made stays as short as it is."""
        return proof.ours and proof.expires - self.clock.now() < RENEW_BELOW_S

    @staticmethod
    def settled_until(proof: Proof) -> float:
        """Until when (epoch s) a proof is good and no new token is due."""
        return proof.expires - RENEW_BELOW_S if proof.ours else proof.expires

    def verify(self, token: bytes) -> Proof:
        """Whom a token proves.

        Raises:
            Refused: 401, with the reason; a token of a revoked key is refused as soon as that is known.
        """
        if self._version != self._ring.version:
            self._verified.clear()
            self._version = self._ring.version
        proof = self._verified.get(token)
        if proof is None:
            proof = self._decode(token)
            self._verified[token] = proof
            if len(self._verified) > REMEMBERED_MAX:
                self._verified.popitem(last=False)
        if proof.expires <= self.clock.now():
            raise Refused(401, "token_expired", "this visitor token has expired")
        return proof

    def _decode(self, token: bytes) -> Proof:
        if len(token) > BYTES_MAX:
            raise _malformed_token()
        try:
            key = self._ring.signing.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise Refused(
                    401, "token_unknown_key", "the key of this visitor token is not, or no longer, known"
                )
            claims = jwt.decode(token, key.secret, algorithms=[ALGORITHM], options=_CHECKED)  # type: ignore[arg-type]  # it has a TypedDict of its own
        except jwt.InvalidSignatureError:
            raise Refused(401, "token_signature", "the signature of this visitor token is wrong") from None
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _malformed_token() from None
        return self._check_claims(claims)

    def _check_claims(self, claims: dict[str, Any]) -> Proof:
        visitor, expires, begins = claims["sub"], claims["exp"], claims.get("nbf", 0)
        if not _VISITOR.fullmatch(visitor) or not _is_time(expires) or not _is_time(begins):
            raise _malformed_token()
        now = self.clock.now()
        longest = ANONYMOUS_TTL_S if visitor.startswith("a:") else USER_TTL_S
        latest = now + CLOCK_SLACK_S
        if not (expires <= latest + longest and begins <= latest):  # so written, NaN is refused too
            detail = f"a visitor token is valid from now on, and for {longest // 3600} h at most"
            raise Refused(401, "token_lifetime", detail)
        ours = claims.get("iss") == ISSUER and visitor.startswith("a:")
        return Proof(VisitorId(visitor), expires, ours)  # an int may be too large for a float


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _malformed_token() -> Refused:
    return Refused(401, "token_malformed", "this is no visitor token (a JWT with HS256, kid, sub and exp)")
