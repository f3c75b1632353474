"""Who sent a request, and for which visitors. Every route asks `caller_of`; `may_read` is the only check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from streams.gateway.http.problems import Problem


class Caller(Protocol):
    """Whoever sent a request."""

    def may_read(self, visitor: str) -> bool:
        """Whether the caller may read this visitor's layouts and profile, and send events for it.

        Args:
            visitor: an id with its prefix, `u:` or `a:`.
        """
        ...


class OpenCaller:
    """May do everything: there are no keys yet, so the gateway is not for an open network."""

    def may_read(self, visitor: str) -> bool:
        return True


OPEN = OpenCaller()


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """The caller of an ASGI request."""
    return OPEN


def authorise(scope: Mapping[str, Any], visitor: str) -> None:
    """Returns when the caller may read the visitor; raises Problem 403 otherwise."""
    if not caller_of(scope).may_read(visitor):
        raise Problem(403, "this caller may not read this visitor", field="visitor")
