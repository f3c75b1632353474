"""`etalage layout`: requests a page from a gateway and prints it for people, or as it came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, get_args
from urllib.parse import quote, urlencode

import typer

from models.layout.rendering.answer import decode_layout
from schemas.codec import DECODE_ERRORS
from schemas.errors import EtalageError
from schemas.layouts import Layout, LayoutItem
from schemas.storefront import SUBJECTS, PageType, SubjectName
from streams.cli.gateway_client import request_gateway
from streams.cli.options import AsJson, Data
from streams.local.instances import gateway_url
from streams.runtime.telemetry.terminal import say

_ARGUMENTS: Mapping[SubjectName, str] = {"item": "ITEM", "category": "CATEGORY", "q": "WORDS"}
"""What usage errors call the argument after a page that has a subject."""


def run(
    page: Annotated[
        list[str],
        typer.Argument(
            metavar="PAGE [ABOUT]…",
            help="home, category, product, cart or search; then the category, item or words it is about.",
        ),
    ],
    visitor: Annotated[str, typer.Option(help="u:<user id> or a:<anonymous id>.")],
    url: Annotated[str | None, typer.Option(help="The gateway; default: the one that runs here.")] = None,
    explain: Annotated[bool, typer.Option(help="Say for each product why it is there.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Print the layout of PAGE for a visitor."""
    name, *about = page
    query = {"visitor": visitor, "hydrate": "1"} | ({"explain": "1"} if explain else {})
    query |= _subject_parameter(name, " ".join(about).strip())
    gateway = gateway_url(url, data)
    raw = request_gateway(gateway, f"/v1/layouts/{quote(name, safe='')}?{urlencode(query)}")
    if as_json:
        typer.echo(raw.decode())
        return
    try:
        layout = decode_layout(raw)
    except DECODE_ERRORS as exc:
        raise EtalageError(f"{gateway} answered something that is no layout: {exc}") from exc
    for line in format_layout(layout):
        say(line)


def _subject_parameter(page: str, text: str) -> dict[str, str]:
    """Return the query parameter with the page's subject; an unknown page is left for the gateway to refuse.

    Raises EtalageError when the subject is missing, or the page has none.
    """
    if page not in get_args(PageType):
        return {}
    name = SUBJECTS.get(page)
    if name is None and text:
        raise EtalageError(f"{page} is about nothing in particular: leave out {text!r}")
    if name is not None and not text:
        raise EtalageError(f"{_ARGUMENTS[name]} is missing: `etalage layout {page} {_ARGUMENTS[name]}`")
    return {name: text} if name else {}


def format_layout(layout: Layout) -> Iterator[str]:
    """Yield the lines that print a layout."""
    model = layout.model
    yield f"{layout.page} for {layout.visitor_id}: {layout.mode}, {layout.reason}"
    yield f"by {model.name} {model.version} ({model.role}), version {layout.version}, id {layout.layout_id}"
    if layout.unknown:
        yield f"unknown to this shop: {', '.join(_ARGUMENTS[name].lower() for name in layout.unknown)}"
    for slot in layout.slots:
        yield ""
        yield f"{slot.slot}: {slot.module.title}  [{slot.module.id}]"
        yield f"  {slot.module.reason}"
        for item in slot.module.items:
            yield from _format_item(item)


def _format_item(item: LayoutItem) -> Iterator[str]:
    card = item.card
    what = f"  {card.title}, {card.price:.2f} {card.currency}" if card else ""
    yield f"  {item.index + 1:2}. {item.id}{what}"
    if item.why is not None:
        strongest = sorted(item.why.features.items(), key=lambda pair: (-abs(pair[1]), pair[0]))[:5]
        pinned = f"pinned by {item.why.pinned_by}, " if item.why.pinned_by else ""
        sources = "+".join(item.why.sources) or "no source"
        features = " ".join(f"{name}={value:g}" for name, value in strongest if value)
        yield f"      {pinned}score {item.why.score:+.3f} from {sources}: {features}"
