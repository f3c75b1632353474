"""Errors as RFC 9457 problem documents: one type, one way to write them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from msgspec import Struct

PROBLEM_TYPE = "application/problem+json"


class ProblemDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every error; `field` is the parameter or JSON path that is wrong."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    field: str | None = None


class Problem(Exception):
    """A request that is answered with a problem document instead of a result."""

    def __init__(
        self, status: int, detail: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.headers = dict(headers or {})

    def document(self) -> ProblemDocument:
        return ProblemDocument(
            title=HTTPStatus(self.status).phrase, status=self.status, detail=self.detail, field=self.field
        )

    def body(self) -> bytes:
        return msgspec.json.encode(self.document())
