"""Routes that the gateway mounts at /demo: the shop's page, product pictures, cards of single products."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from models.layout.rendering.cards import card_of
from schemas.catalog import Item
from schemas.codec import encode
from streams.demo.assortment import KINDS, ProductKind
from streams.demo.catalogue import picture_url
from streams.demo.drawings.draw import draw

STATIC = Path(__file__).with_name("static")
PICTURE_AGE_S = 7 * 24 * 3600
"""How long browsers may cache a picture: it depends on its address alone, until the drawing code changes."""

CARDS_MAX = 48
"""Cards in one answer; further ids are ignored."""

TRAITS = ("kind", "form", "colour", "brand")

FindItem = Callable[[str], Item | None]


def routes(find_item: FindItem) -> list[BaseRoute]:
    """Return the routes below /demo.

    They are `/` and static files, `/items/{id}.svg?kind=&form=&colour=&brand=`, `/cards.json?item=&item=` and
    `/assortment.json`.

    Args:
        find_item: Returns the catalogue's item of an id, None for an unknown one.
    """

    async def cards(request: Request) -> Response:
        """Return the cards of products by id, without those that are not in the catalogue."""
        ids = request.query_params.getlist("item")[:CARDS_MAX]
        known = {item_id: card_of(item) for item_id in ids if (item := find_item(item_id)) is not None}
        headers = {"cache-control": "no-store"}
        return Response(encode({"cards": known}), media_type="application/json", headers=headers)

    return [
        Route("/cards.json", cards),
        Route("/items/{item_id}.svg", picture),
        Route("/assortment.json", assortment),
        Mount("/", FlatFiles(directory=STATIC, html=True), name="demo"),
    ]


class FlatFiles(StaticFiles):
    """Files of one folder, which has none in it: a path of more parts is not looked for on the disk."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """As of StaticFiles."""
        name = os.path.normpath(path)
        return ("", None) if os.sep in name else super().lookup_path(name)


async def picture(request: Request) -> Response:
    """Return the drawing of an item; traits missing from the address are derived from the item's id."""
    traits = {name: request.query_params.get(name, "")[:100] for name in TRAITS}
    document = draw(request.path_params["item_id"][:128], **traits)
    headers = {
        "cache-control": f"public, max-age={PICTURE_AGE_S}",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    return Response(document, media_type="image/svg+xml", headers=headers)


async def assortment(request: Request) -> Response:
    """Return the categories of the demo catalogue, each with a picture for the page's ribbon."""
    ribbon = [
        {"category": kind.category, "department": kind.department, "picture": _category_picture(kind)}
        for kind in KINDS
    ]
    return JSONResponse({"categories": ribbon}, headers={"cache-control": "public, max-age=3600"})


def _category_picture(kind: ProductKind) -> str:
    """Return the picture of a product of the kind that is not in the catalogue."""
    colour = sorted(kind.colours)[len(kind.category) % len(kind.colours)]
    return picture_url(f"{kind.category}-0000", kind=kind.category, form=kind.nouns[0], colour=colour)
