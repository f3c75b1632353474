"""Takes too deeply nested values out of JSON, so that one of them does not refuse all that came with it.

A parser gives up at some depth (msgspec at a thousand levels), and then nothing of the body is known. Only
such a body is looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LEVELS_MAX = 100
"""Levels of lists and objects that are left: no event and no item has ten."""
CUT_BYTES_MAX = 128 << 10
"""A longer body is refused as a whole."""
TOKENS_MAX = 25_000
"""So is one with more strings and brackets, at 1 µs each; 128 kB of events have 15,000."""
TOO_DEEP = b'"\\u0000nested too deeply"'
"""What stands in place of such a value."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""A string that is not closed goes to the end: else it would be looked for again from each quote in it."""
_OPENING = b"[{"
_BRACKETS = (b"[", b"]", b"{", b"}")


def decode_cut(
    decode: Callable[[bytes], T], body: bytes, before_cutting: Callable[[], None] = lambda: None
) -> T:
    """What `decode` makes of a body, once more without its too deep values when it raises RecursionError.

    Args:
        decode: raises RecursionError for a body that is nested too deeply.
        body: JSON.
        before_cutting: called before the body is looked at, which takes a hundred times as long as decoding.

    Raises:
        Whatever `decode` and `before_cutting` raise; RecursionError for more than CUT_BYTES_MAX bytes or
            TOKENS_MAX tokens.
    """
    try:
        return decode(body)
    except RecursionError:
        if len(body) > CUT_BYTES_MAX or sum(map(body.count, _BRACKETS)) + body.count(b'"') // 2 > TOKENS_MAX:
            raise
        before_cutting()
        return decode(cut_nesting(body))


def cut_nesting(body: bytes) -> bytes:
    """The body with TOO_DEEP in place of each list or object below LEVELS_MAX others. O(bytes).

    What is not closed stays as it is: the parser says what is wrong with it.
    """
    parts: list[bytes] = []
    depth = end = start = 0
    for token in _TOKEN.finditer(body):
        first = token.group()[:1]
        if first == b'"':
            continue
        if first in _OPENING:
            depth += 1
            if depth == LEVELS_MAX + 1:
                start = token.start()
        else:
            if depth == LEVELS_MAX + 1:
                parts += [body[end:start], TOO_DEEP]
                end = token.end()
            depth -= 1
    return b"".join([*parts, body[end:]])
