"""Asks a gateway over HTTP, for commands: its answer, or one line that says why there is none."""

from __future__ import annotations

import urllib.error
import urllib.request

import msgspec
from msgspec import Struct

from schemas.codec import DECODE_ERRORS
from schemas.errors import EtalageError, ServiceMissing

JSON = {"content-type": "application/json"}


class _Problem(Struct):
    title: str = ""
    detail: str = ""


def ask(gateway: str, path: str, body: bytes | None = None, *, within_s: float = 10.0) -> bytes:
    """The body of a good answer to a GET, or to a POST of `body`.

    ServiceMissing when no gateway is there; EtalageError with what it said when it refused.
    """
    try:
        request = urllib.request.Request(gateway + path, body, JSON if body is not None else {})
        with urllib.request.urlopen(request, timeout=within_s) as answer:
            read: bytes = answer.read()
            return read
    except urllib.error.HTTPError as exc:
        raise EtalageError(f"the gateway refused: {_detail(exc)}") from exc
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "reason", exc)
        why = getattr(reason, "strerror", None) or reason
        raise ServiceMissing(f"no gateway at {gateway} ({why}); `etalage up` starts one") from exc


def _detail(exc: urllib.error.HTTPError) -> str:
    try:
        problem = msgspec.json.decode(exc.read(), type=_Problem)
    except DECODE_ERRORS:
        return f"{exc.code} {exc.reason}"
    return problem.detail or problem.title or f"{exc.code} {exc.reason}"
