"""Who asks. Every route turns its request into a Caller, and `may_read` is the only check there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from streams.gateway.http.problems import Problem


class Caller(Protocol):
    """Whoever sent a request."""

    def may_read(self, visitor: str) -> bool:
        """Whether the caller may see and act for this visitor."""
        ...


class OpenCaller:
    """The demo's caller: a shop on one machine has no secrets from itself. Keys and tokens come later."""

    def may_read(self, visitor: str) -> bool:
        return True


OPEN = OpenCaller()


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """The caller of an ASGI request."""
    return OPEN


def authorise(scope: Mapping[str, Any], visitor: str) -> None:
    """Problem 403 unless the caller may read the visitor."""
    if not caller_of(scope).may_read(visitor):
        raise Problem(403, "this caller may not read this visitor", field="visitor")
