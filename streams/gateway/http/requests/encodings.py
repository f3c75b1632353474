"""Bodies as they come: compressed by one of CODINGS, with a limit on what they become, and of which types."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

import cramjam

from streams.gateway.http.problems import Problem

ZSTD_WINDOW_MAX = 8 << 20
"""What a decoder of HTTP must have room for, and need not have more (RFC 9659)."""
FIRST_GUESS = 8
"""A body has so many times its compressed bytes, at first; then twice as many, until the limit."""
LEAST_BYTES = 16 << 10

JSON_TYPES = ("application/json", "text/plain", "application/x-www-form-urlencoded")
"""Media types of JSON: what says it is, what `sendBeacon` says of a text, and what curl says of anything."""


class _TooLong(Exception):
    """It becomes more than it may."""


def inflate(body: bytes, coding: bytes, limit: int) -> bytes:
    """A body as it was before it was compressed.

    Args:
        body: its bytes as they came.
        coding: the content-encoding header, not empty.
        limit: bytes allowed; no more are made, whatever the body says.

    Raises:
        Problem: 415 for a coding that is not taken, 413 past `limit`, 400 for bytes that are not of the coding.
    """
    name = coding.strip().lower().decode("latin-1")
    if name == "identity":
        return body
    if name not in CODINGS:
        offered = ", ".join(CODINGS)
        raise Problem(
            415, f"content-encoding {name[:40]!r} is not taken; one of {offered} is", headers={"accept-encoding": offered}
        )
    try:
        return CODINGS[name](body, limit)
    except _TooLong:
        raise Problem(413, f"the body inflates to more than {limit} bytes") from None
    except (zlib.error, cramjam.DecompressionError) as exc:
        raise Problem(400, f"the body is not {name}, as content-encoding says", field="content-encoding") from exc


def check_json_type(content_type: bytes) -> None:
    """Returns for a media type that JSON comes as, or none; raises Problem 415 with what is taken."""
    name = content_type.partition(b";")[0].strip().lower().decode("latin-1")
    if name and name not in JSON_TYPES and not name.endswith(("+json", "/json")):
        taken = "application/json or text/plain"
        raise Problem(
            415, f"content-type {name[:40]!r} is not taken; {taken} is", headers={"accept": "application/json, text/plain"}
        )


def _gunzip(body: bytes, limit: int) -> bytes:
    return _inflate(body, limit, 16 + zlib.MAX_WBITS)


def _undeflate(body: bytes, limit: int) -> bytes:
    """With zlib's head, as the RFC says, or without, as some senders do."""
    headed = len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _inflate(body, limit, zlib.MAX_WBITS if headed else -zlib.MAX_WBITS)


def _inflate(body: bytes, limit: int, window_bits: int) -> bytes:
    decoder = zlib.decompressobj(window_bits)
    whole = decoder.decompress(body, limit + 1)
    if len(whole) > limit:
        raise _TooLong
    if not decoder.eof or decoder.unused_data:
        raise zlib.error("cut short, or more behind it")
    return whole


def _unbrotli(body: bytes, limit: int) -> bytes:
    return _fill(cramjam.brotli.decompress_into, body, limit)


def _unzstd(body: bytes, limit: int) -> bytes:
    if _zstd_window(body) > ZSTD_WINDOW_MAX:
        raise _TooLong
    return _fill(cramjam.zstd.decompress_into, body, limit)


def _fill(decompress_into: Callable[[bytes, bytearray], int], body: bytes, limit: int) -> bytes:
    """Decompress into room that grows to the limit: more than the room is never made."""
    size = min(limit, max(LEAST_BYTES, FIRST_GUESS * len(body)))
    while True:
        room = bytearray(size + 1)
        try:
            length = decompress_into(body, room)
        except cramjam.DecompressionError as exc:
            if "whole buffer" not in str(exc):
                raise
            length = size + 1
        if length <= size:
            return bytes(room[:length])
        if size == limit:
            raise _TooLong
        size = min(limit, 2 * size)


def _zstd_window(body: bytes) -> int:
    """The window that a frame wants, bytes; 0 when it says its content's size instead, or is none.

    Reference: RFC 8878, section 3.1.1.1.
    """
    if len(body) < 6 or body[4] & 0x20:
        return 0
    exponent, mantissa = body[5] >> 3, body[5] & 7
    base = 1 << (10 + exponent)
    return base + (base >> 3) * mantissa


CODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "zstd": _unzstd,
    "x-gzip": _gunzip,
}
