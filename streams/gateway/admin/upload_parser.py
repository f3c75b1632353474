"""Splits an upload of many megabytes into its entries, some at a time, so that the loop turns in between.

A parser would hold the loop for as long as the whole takes (60 ms for 25 MB), in a thread too: it keeps the
interpreter's lock. So a list is cut at `},{` and each piece parsed as a list of its own. The parser itself
tells whether a cut is between two entries and not inside one: only then is the piece a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec
from msgspec import Raw

from schemas.codec import DECODE_ERRORS
from streams.gateway.events.intake.nesting import decode_cut
from streams.gateway.http.problems import Problem

PIECE_BYTES = 128 << 10
"""About a millisecond of parsing, validating and encoding."""

WIDER = (1, 4)
"""How far cuts are looked for before the rest is parsed in one go, as multiples of PIECE_BYTES."""
CUTS_TRIED = 32
"""How many cuts are tried at each width: entries may hold lists of objects themselves."""

Entries = Sequence[bytes | Raw]

_decode = msgspec.json.Decoder(list[Raw]).decode
_OPENING = re.compile(rb"\s*\[")
_BETWEEN = re.compile(rb"\}\s*(,)\s*\{")


def split_upload(body: bytes) -> Iterator[Entries]:
    """The entries of an upload, undecoded, in order.

    Args:
        body: a JSON list of objects, or one object a line.

    Yields:
        Entries of some PIECE_BYTES. A step may give none; unless entries hold longer lists of objects
        themselves, none takes longer than parsing one piece.

    Raises:
        Problem: 400, when a list is not JSON.
    """
    opening = _OPENING.match(body)
    return _split_lines(body) if opening is None else _split_list(body, opening.end())


def _split_lines(body: bytes) -> Iterator[Entries]:
    start = 0
    while start < len(body):
        end = body.find(b"\n", start + PIECE_BYTES)
        end = len(body) if end < 0 else end
        yield [line for line in body[start:end].splitlines() if line.strip()]
        start = end


def _split_list(body: bytes, start: int) -> Iterator[Entries]:
    while len(body) - start > PIECE_BYTES:
        for comma in _find_commas(body, start):
            try:
                entries = decode_cut(_decode, b"[%b]" % body[start:comma])
            except DECODE_ERRORS:
                yield ()
                continue
            yield entries
            start = comma + 1
            break
        else:
            break
    try:
        yield decode_cut(_decode, b"[" + body[start:])
    except DECODE_ERRORS as exc:
        raise Problem(
            400, f"not a list of items: {exc} (of the {len(body) - start} last ones)", field="$"
        ) from exc


def _find_commas(body: bytes, start: int) -> Iterator[int]:
    """Where a piece that begins at `start` may end."""
    for width in WIDER:
        begin = start + width * PIECE_BYTES
        matches = _BETWEEN.finditer(body, begin, begin + width * PIECE_BYTES)
        yield from (match.start(1) for match in islice(matches, CUTS_TRIED))
