"""Sends one HTTP request to a gateway, for commands; a failure is one line for a person."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

import msgspec
from msgspec import Struct

from schemas.codec import DECODE_ERRORS
from schemas.errors import EtalageError, ServiceMissing
from streams.runtime.settings import read_settings

JSON = {"content-type": "application/json"}


BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""Answers after which the same request may succeed."""


class GatewayBusy(EtalageError):
    """The gateway, or a proxy before it, answers that it cannot serve now; retrying may help."""


class _Problem(Struct):
    title: str = ""
    detail: str = ""


def request_gateway(gateway: str, path: str, body: bytes | None = None, *, within_s: float = 10.0) -> bytes:
    """Send a GET, or a POST of `body` as JSON, with the key of ETALAGE_KEY if there is one.

    Args:
        gateway: Its address, without a slash at the end.
        path: Path and query, beginning with a slash.
        body: What to post; None for a GET.
        within_s: Timeout of each network operation, seconds.

    Returns:
        The body of a successful answer.

    Raises:
        ServiceMissing: No gateway answers at the address.
        GatewayBusy: It answers that it cannot serve now.
        EtalageError: The gateway refused; with the detail of its problem document.
    """
    try:
        headers = JSON if body is not None else {}
        if key := read_settings().key:
            headers = {**headers, "authorization": f"Bearer {key}"}
        request = urllib.request.Request(gateway + path, body, headers)
        with urllib.request.urlopen(request, timeout=within_s) as answer:
            read: bytes = answer.read()
            return read
    except urllib.error.HTTPError as exc:
        if exc.code in BUSY:
            raise GatewayBusy(f"the gateway at {gateway} cannot serve now: {_detail(exc)}") from exc
        raise EtalageError(f"the gateway refused: {_detail(exc)}") from exc
    except TimeoutError as exc:
        raise ServiceMissing(f"the gateway at {gateway} did not answer within {within_s:.0f} s") from exc
    except (OSError, ValueError, http.client.HTTPException) as exc:
        reason = getattr(exc, "reason", exc)
        why = getattr(reason, "strerror", None) or reason
        raise ServiceMissing(f"no gateway at {gateway} ({why}); `etalage up` starts one") from exc


def _detail(exc: urllib.error.HTTPError) -> str:
    try:
        problem = msgspec.json.decode(exc.read(), type=_Problem)
    except DECODE_ERRORS:
        return f"{exc.code} {exc.reason}"
    return problem.detail or problem.title or f"{exc.code} {exc.reason}"
