"""Errors as RFC 9457 problem documents: one type, one way to write them, and which field a decoder names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from msgspec import Struct

PROBLEM_TYPE = "application/problem+json"

_FIELD = re.compile(r" - at `([^`]+)`$")
_MISSING = re.compile(r"missing required field `([^`]+)`")


class ProblemDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every error; `field` is the parameter or JSON path that is wrong."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    field: str | None = None


class Problem(Exception):
    """Raised by a route: the request is answered with a problem document instead of a result.

    Args:
        status: the HTTP status.
        detail: one sentence for the person who reads the answer; no visitor's id.
        field: the parameter, or the JSON path in the body, that is wrong.
        headers: sent with the answer, e.g. `retry-after` in seconds.
    """

    def __init__(
        self, status: int, detail: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.headers = dict(headers or {})

    def document(self) -> ProblemDocument:
        """The body, before it is encoded."""
        return ProblemDocument(
            title=HTTPStatus(self.status).phrase, status=self.status, detail=self.detail, field=self.field
        )

    def body(self) -> bytes:
        """The body as JSON, of the media type PROBLEM_TYPE."""
        return msgspec.json.encode(self.document())


def error_field(message: str) -> str:
    """The JSON path that a msgspec error speaks of, e.g. `$.properties.items[3].price`; `$` for none."""
    at = _FIELD.search(message)
    path = at.group(1) if at else "$"
    missing = _MISSING.search(message)
    return f"{path}.{missing.group(1)}" if missing else path
