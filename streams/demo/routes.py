"""What the gateway mounts at /demo: the shop's page, its drawn pictures, the cards of single products."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from models.layout.rendering.cards import card_of
from schemas.catalog import Item
from schemas.codec import encode
from streams.demo.assortment import KINDS, Kind
from streams.demo.catalogue import picture_url
from streams.demo.drawings.draw import draw

STATIC = Path(__file__).with_name("static")
PICTURE_AGE_S = 7 * 24 * 3600
"""A picture depends on its address alone, so a week is safe; a new drawing style shows after that."""

CARDS_MAX = 48
"""Cards in one answer; further ids are left out."""

TRAITS = ("kind", "form", "colour", "brand")

FindItem = Callable[[str], Item | None]


def routes(find_item: FindItem) -> list[BaseRoute]:
    """Relative to /demo: `/`, `/items/{id}.svg?kind=&form=&colour=&brand=`, `/cards.json?item=&item=`, and
    static files."""

    async def cards(request: Request) -> Response:
        """The cards of products by id; one that the shop does not have is missing from them."""
        wanted = request.query_params.getlist("item")[:CARDS_MAX]
        found = {item_id: card_of(item) for item_id in wanted if (item := find_item(item_id)) is not None}
        headers = {"cache-control": "no-store"}
        return Response(encode({"cards": found}), media_type="application/json", headers=headers)

    return [
        Route("/cards.json", cards),
        Route("/items/{item_id}.svg", picture),
        Route("/assortment.json", assortment),
        Mount("/", StaticFiles(directory=STATIC, html=True), name="demo"),
    ]


async def picture(request: Request) -> Response:
    """The drawing of an item; what the address leaves out is chosen by the item's id."""
    traits = {name: request.query_params.get(name, "")[:100] for name in TRAITS}
    document = draw(request.path_params["item_id"][:128], **traits)
    headers = {
        "cache-control": f"public, max-age={PICTURE_AGE_S}",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    return Response(document, media_type="image/svg+xml", headers=headers)


async def assortment(request: Request) -> Response:
    """The categories of the demo catalogue in order, each with a picture for the page's ribbon."""
    ribbon = [
        {"category": kind.category, "department": kind.department, "picture": _emblem(kind)} for kind in KINDS
    ]
    return JSONResponse({"categories": ribbon}, headers={"cache-control": "public, max-age=3600"})


def _emblem(kind: Kind) -> str:
    """A typical product of a kind, as its picture."""
    colour = sorted(kind.colours)[len(kind.category) % len(kind.colours)]
    return picture_url(f"{kind.category}-0000", kind=kind.category, form=kind.nouns[0], colour=colour)
