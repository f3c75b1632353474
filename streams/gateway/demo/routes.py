"""What the gateway mounts at /demo: the shop's page and its drawn pictures. No state, no services."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from streams.gateway.demo.drawings.draw import draw
from streams.shoppers.assortment import KINDS, Kind
from streams.shoppers.catalogue import picture_url

STATIC = Path(__file__).with_name("static")
PICTURE_AGE_S = 7 * 24 * 3600
"""A picture depends on its address alone, so a week is safe; a new drawing style shows after that."""

TRAITS = ("kind", "form", "colour", "brand")


def routes() -> list[BaseRoute]:
    """Routes relative to /demo: `/`, `/items/{id}.svg?kind=&form=&colour=&brand=`, and static files."""
    return [
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
