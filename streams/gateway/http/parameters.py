"""Query strings, parsed by hand: a layout's is on the hot path, and a parameter nobody knows is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast, get_args
from urllib.parse import unquote_plus

from msgspec import Struct

from schemas.errors import InvalidToken
from schemas.ids import VISITOR_ID_MAX, Version, VisitorId
from schemas.storefront import PageType
from streams.gateway.http.problems import Problem

PAGES: frozenset[str] = frozenset(get_args(PageType))
DEADLINE_MS_MIN, DEADLINE_MS_MAX, DEADLINE_MS = 5, 1000, 50
TEXT_MAX = 200

VISITOR_PATTERN = rf"^[ua]:[\x21-\x7e]{{1,{VISITOR_ID_MAX - 2}}}$"

_VISITOR = re.compile(VISITOR_PATTERN[1:-1])
_ITEM = re.compile(r"[\x21-\x7e]{1,128}")
FLAGS = {"1": True, "true": True, "0": False, "false": False}


class LayoutQuery(Struct, frozen=True, kw_only=True):
    """The parameters of `GET /v1/layouts/{page}` and its stream.

    `after` is a token whose event the answer must include; `item`, `category` and `q` are what the page is
    about; `hydrate` adds cards to items, `explain` the reasons; `journey` adds trace events to a stream.
    `machine` says that no person asks, who gets the page for all.
    """

    page: PageType
    visitor: VisitorId
    after: Version | None = None
    deadline_ms: int = DEADLINE_MS
    item: str | None = None
    category: str | None = None
    q: str | None = None
    hydrate: bool = False
    explain: bool = False
    journey: bool = False
    machine: bool = False


def parse_layout_query(
    page: str,
    raw: bytes,
    *,
    streaming: bool = False,
    own_visitor: Callable[[], VisitorId | None] | None = None,
) -> LayoutQuery:
    """The layout query of a request.

    Args:
        page: the last segment of the path.
        raw: the query string, percent-encoded.
        streaming: for the stream, which takes `journey`, and neither `after` nor `deadline_ms`.
        own_visitor: gives the caller's own visitor, for a request that names none; None for callers who must.

    Raises:
        Problem: 404 for an unknown page; 400 for a parameter that is unknown, given twice, wrong or missing
            (`visitor`), naming it.
    """
    if page not in PAGES:
        raise Problem(404, f"no page {page[:40]!r}; there are {', '.join(sorted(PAGES))}", field="page")
    known = _STREAM_PARAMETERS if streaming else _PARAMETERS
    values: dict[str, Any] = {}
    for name, text in split_query(raw).items():
        parser = known.get(name)
        if parser is None:
            raise unknown_parameter(name, known)
        values[name] = parser(name, text)
    if "visitor" not in values:
        own = own_visitor() if own_visitor is not None else None
        if own is None:
            raise Problem(400, "visitor is required", field="visitor")
        values["visitor"] = own
    return LayoutQuery(page=cast("PageType", page), **values)


def split_query(raw: bytes) -> dict[str, str]:
    """Names and values of a query string; Problem 400 for a name given twice."""
    values: dict[str, str] = {}
    if not raw:
        return values
    for pair in raw.decode("utf-8", "replace").split("&"):
        name, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            name, value = _unquote(name), _unquote(value)
        if name in values:
            raise Problem(400, f"{name[:40]} is given twice", field=name[:40])
        if name:
            values[name] = value
    return values


def _unquote(text: str) -> str:
    """As unquote_plus; most texts with an escape are visitors, and have only the one of their colon."""
    text = text.replace("%3A", ":")
    return unquote_plus(text) if "%" in text or "+" in text else text


def refuse_parameters(raw: bytes) -> None:
    """Problem 400 unless the query is empty: for routes that take no parameters."""
    for name in split_query(raw):
        raise Problem(400, f"unknown parameter {name[:40]!r}; this route takes none", field=name[:40])


def parse_only_flag(name: str, raw: bytes) -> bool:
    """Whether the flag is set, for a route with no other parameter; Problem 400 when there is one."""
    values = split_query(raw)
    for other in values.keys() - {name}:
        raise unknown_parameter(other, {name: _parse_flag})
    return _parse_flag(name, values.get(name, "0"))


def unknown_parameter(name: str, known: dict[str, Callable[[str, str], Any]]) -> Problem:
    """What to raise for a parameter that is not among `known`."""
    return Problem(
        400, f"unknown parameter {name[:40]!r}; known are {', '.join(sorted(known))}", field=name[:40]
    )


def parse_visitor(name: str, text: str) -> VisitorId:
    """A visitor id; Problem 400 for anything else."""
    if not _VISITOR.fullmatch(text):
        raise Problem(400, f"{name} is `u:` or `a:` and 1-126 printable ASCII characters", field=name)
    return VisitorId(text)


def _parse_token(name: str, text: str) -> Version:
    try:
        return Version.parse(text)
    except InvalidToken as exc:
        raise Problem(400, str(exc), field=name) from exc


def _parse_deadline(name: str, text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 4:
        deadline = int(text)
        if DEADLINE_MS_MIN <= deadline <= DEADLINE_MS_MAX:
            return deadline
    raise Problem(400, f"{name} is a whole number of {DEADLINE_MS_MIN} to {DEADLINE_MS_MAX}", field=name)


def _parse_item(name: str, text: str) -> str:
    if not _ITEM.fullmatch(text):
        raise Problem(400, f"{name} is 1-128 printable ASCII characters", field=name)
    return text


def _parse_text(name: str, text: str) -> str:
    if not 0 < len(text) <= TEXT_MAX:
        raise Problem(400, f"{name} is 1-{TEXT_MAX} characters", field=name)
    return text


def _parse_flag(name: str, text: str) -> bool:
    if text not in FLAGS:
        raise Problem(400, f"{name} is 0 or 1", field=name)
    return FLAGS[text]


_PARAMETERS: dict[str, Callable[[str, str], Any]] = {
    "visitor": parse_visitor,
    "after": _parse_token,
    "deadline_ms": _parse_deadline,
    "item": _parse_item,
    "category": _parse_text,
    "q": _parse_text,
    "hydrate": _parse_flag,
    "explain": _parse_flag,
}
_STREAM_PARAMETERS: dict[str, Callable[[str, str], Any]] = {
    name: parser for name, parser in _PARAMETERS.items() if name not in ("after", "deadline_ms")
} | {"journey": _parse_flag}
