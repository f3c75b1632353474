"""Who sent a request, and what that caller may do: every route asks `caller_of`, and nothing else decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.ids import VisitorId
from streams.gateway.access.permissions import EVERYBODY, EXPLAIN, LAYOUT, PERMISSIONS, Grant
from streams.gateway.access.refusals import UNREAD, Refused
from streams.gateway.access.visitor_tokens import Proof, SignedToken, VisitorTokens

CALLER = "etalage.caller"
"""Key of an ASGI scope. The door sets it; without one nothing is answered."""

NOT_ALLOWED = "this API key may not do that"
OTHER_VISITOR = "this caller may not act for this visitor: a visitor token proves who is one"


def _nothing() -> None:
    """The price of a new visitor, for callers who get none."""


class Caller:
    """Whoever sent a request.

    Args:
        grants: what the API key gives.
        proofs: of visitor tokens; the first is the one a request without visitor is about.
        tokens: gives new visitors their token; None for callers who need none.
        problem: why nothing but what is for anybody is answered; None when the key is good.
    """

    __slots__ = (
        "_grants", "_problem", "_proofs", "_tokens", "_visitors", "charge_new", "new_token", "same_until",
    )  # fmt: skip

    def __init__(
        self,
        grants: frozenset[Grant],
        proofs: Sequence[Proof] = (),
        tokens: VisitorTokens | None = None,
        problem: Refused | None = None,
    ) -> None:
        self._grants, self._proofs, self._tokens, self._problem = grants, proofs, tokens, problem
        self._visitors = [proof.visitor for proof in proofs]
        self.charge_new: Callable[[], None] = _nothing
        """Takes the price of a new visitor; raises RateLimited."""
        self.new_token: SignedToken | None = None
        """To be sent with the answer."""
        self.same_until = 0.0
        """Until when (epoch s) it may be the caller of further requests that send the same; 0: of one alone.
        A token made for one of several would go with the answers of all."""

    about_nobody = False
    """Whether what it gets is about no visitor, whomever it names."""

    def check(self, route: str, method: str) -> None:
        """Returns when the caller may use a route of the router; raises Refused otherwise."""
        permission = PERMISSIONS[route, method]
        if permission.anybody or permission.signed:
            return
        if self._problem is not None:
            raise self._problem
        if self._grants.isdisjoint(permission.grants):
            raise Refused(403, "not_allowed", NOT_ALLOWED)

    def check_explain(self) -> None:
        """Returns when the caller may see why a layout is as it is; raises Refused otherwise."""
        if not self.sees_internals:
            raise Refused(403, "not_allowed", "explain and journey are not for publishable keys")

    @property
    def may_be_browser(self) -> bool:
        """Whether the agent of its request may be a visitor's, and is not that of the shop's server."""
        return self._tokens is not None

    @property
    def sees_internals(self) -> bool:
        """Whether the caller may see why things are as they are here."""
        return bool(self._grants & EXPLAIN)

    @property
    def names_visitors(self) -> bool:
        """Whether the caller says for whom it acts; others act for proven visitors alone."""
        return self._tokens is None

    def may_act_for(self, visitor: str) -> bool:
        """Whether the caller may read this visitor's layouts and profile, and send events for it.

        Args:
            visitor: an id with its prefix, `u:` or `a:`.
        """
        if self._tokens is None or visitor in self._visitors:
            return True
        return self.new_token is not None and self.new_token.visitor == visitor

    def own_visitor(self) -> VisitorId | None:
        """The visitor that a request without one is about; a publishable key without proof gets a new one.

        None for callers who may act for any: they must say for whom. Raises RateLimited for one too many.
        """
        if self._tokens is None:
            return None
        if self._proofs:
            return self._proofs[0].visitor
        return self.sign_anonymous().visitor

    def source_of(self, address: str) -> bytes:
        """What stands in the events topic for where its events come from; empty for none.

        Callers who say for whom they act have none: a shop's server sends for all its shoppers.
        """
        return self._tokens.source_of(address) if self._tokens is not None and address else b""

    def sign_anonymous(self) -> SignedToken:
        """A token for the anonymous visitor it is already, or a new one; sent with the answer.

        Raises RateLimited for too many new ones from one address.
        """
        assert self._tokens is not None
        assert not self.same_until, "the caller of one request alone gets a token"
        proven = next((proof.visitor for proof in self._proofs if proof.ours), None)
        if proven is None:
            self.charge_new()
        self.new_token = self._tokens.sign_anonymous(proven)
        return self.new_token


class OpenCaller(Caller):
    """May do everything: there are no keys."""

    def __init__(self) -> None:
        super().__init__(EVERYBODY)

    def check(self, route: str, method: str) -> None:
        """Returns."""

    @property
    def may_be_browser(self) -> bool:
        """True: nobody says what it is."""
        return True


OPEN = OpenCaller()


class CallerBeforeKeys(Caller):
    """Anybody while the keys are unread, where none may be needed: gets layouts about nobody, and no more."""

    about_nobody = True

    def __init__(self) -> None:
        self._refused = Refused(503, "keys_unread", UNREAD)
        super().__init__(frozenset(), problem=self._refused)

    def check(self, route: str, method: str) -> None:
        """Returns for layouts and what is for anybody; raises Refused otherwise."""
        if (route, method) != LAYOUT:
            super().check(route, method)

    def check_explain(self) -> None:
        """Raises Refused."""
        raise self._refused

    def may_act_for(self, visitor: str) -> bool:
        """True: nothing of the visitor is read, and nothing is written down of it."""
        return True

    def own_visitor(self) -> VisitorId | None:
        """Raises Refused: nobody can be given a token."""
        raise self._refused


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """The caller of an ASGI request that came through the door."""
    caller: Caller = scope[CALLER]
    return caller


def authorise(scope: Mapping[str, Any], visitor: str, *, explain: bool = False) -> None:
    """Returns when the caller may act for the visitor, and see explanations; raises Refused otherwise."""
    caller = caller_of(scope)
    if not caller.may_act_for(visitor):
        raise Refused(403, "other_visitor", OTHER_VISITOR, field="visitor")
    if explain:
        caller.check_explain()
