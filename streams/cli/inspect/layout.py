"""`etalage layout`: ask a gateway for a page and print it for people, or as it came."""

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
from streams.cli.gateway_client import ask
from streams.cli.options import AsJson, Data
from streams.local.instances import gateway_url

_TYPED: Mapping[SubjectName, str] = {"item": "ITEM", "category": "CATEGORY", "q": "WORDS"}
"""What follows the name of a page that is about something."""


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
    query |= _subject(name, " ".join(about).strip())
    gateway = gateway_url(url, data)
    raw = ask(gateway, f"/v1/layouts/{quote(name, safe='')}?{urlencode(query)}")
    if as_json:
        typer.echo(raw.decode())
        return
    try:
        layout = decode_layout(raw)
    except DECODE_ERRORS as exc:
        raise EtalageError(f"{gateway} answered something that is no layout: {exc}") from exc
    for line in layout_lines(layout):
        typer.echo(line)


def _subject(page: str, text: str) -> dict[str, str]:
    """The parameter that says what the page is about; of a page that there is not, the gateway will tell."""
    if page not in get_args(PageType):
        return {}
    name = SUBJECTS.get(page)
    if name is None and text:
        raise EtalageError(f"{page} is about nothing in particular: leave out {text!r}")
    if name is not None and not text:
        raise EtalageError(f"{_TYPED[name]} is missing: `etalage layout {page} {_TYPED[name]}`")
    return {name: text} if name else {}


def layout_lines(layout: Layout) -> Iterator[str]:
    """A layout in lines."""
    model = layout.model
    yield f"{layout.page} for {layout.visitor_id}: {layout.mode}, {layout.reason}"
    yield f"by {model.name} {model.version} ({model.role}), version {layout.version}, id {layout.layout_id}"
    if layout.unknown:
        yield f"unknown to this shop: {', '.join(_TYPED[name].lower() for name in layout.unknown)}"
    for slot in layout.slots:
        yield ""
        yield f"{slot.slot}: {slot.module.title}  [{slot.module.id}]"
        yield f"  {slot.module.reason}"
        for item in slot.module.items:
            yield from _item(item)


def _item(item: LayoutItem) -> Iterator[str]:
    card = item.card
    what = f"  {card.title}, {card.price:.2f} {card.currency}" if card else ""
    yield f"  {item.index + 1:2}. {item.id}{what}"
    if item.why is not None:
        telling = sorted(item.why.features.items(), key=lambda pair: (-abs(pair[1]), pair[0]))[:5]
        pinned = f"pinned by {item.why.pinned_by}, " if item.why.pinned_by else ""
        sources = "+".join(item.why.sources) or "no source"
        features = " ".join(f"{name}={value:g}" for name, value in telling if value)
        yield f"      {pinned}score {item.why.score:+.3f} from {sources}: {features}"
