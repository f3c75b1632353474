"""Why a request is refused, in closed lists that metrics show; the answers are of constant shape."""

from __future__ import annotations

from typing import Literal

from streams.gateway.http.problems import Problem

RefusalReason = Literal[
    "keys_unread",
    "no_key",
    "unknown_key",
    "wrong_key",
    "not_allowed",
    "origin",
    "content_type",
    "token_malformed",
    "token_unknown_key",
    "token_signature",
    "token_expired",
    "token_lifetime",
    "other_visitor",
    "no_signature",
    "wrong_signature",
    "secrets_unread",
]

UNREAD = "the API keys could not be read from Redis yet"


class Refused(Problem):
    """A problem that is counted by its reason.

    Args:
        status: 401 when a key or token is missing or wrong, 403 when it is good and does not suffice.
        reason: for metrics.
        detail: what to do, and nothing about other visitors or keys.
    """

    def __init__(self, status: int, reason: RefusalReason, detail: str, *, field: str | None = None) -> None:
        headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}}.get(status)
        super().__init__(status, detail, field=field, headers=headers)
        self.reason: RefusalReason = reason
