"""The demo shop under /demo, by Starlette; for every other path a problem document, 404."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from streams.demo.routes import FindItem, routes
from streams.gateway.access.key_ring import KeyRing
from streams.gateway.http.problems import PROBLEM_TYPE, Problem


def build_demo(find_item: FindItem, key_ring: KeyRing) -> Starlette:
    """The application for paths outside /v1 and the probes.

    `/demo/access.json` says whether the gateway is open, for the page's banner.
    """

    async def access(request: Request) -> Response:
        return JSONResponse({"open": key_ring.open}, headers={"cache-control": "no-store"})

    return Starlette(
        routes=[
            Route("/", _redirect_to_demo),
            Route("/demo", _redirect_to_demo),
            Route("/demo/access.json", access),
            Mount("/demo", routes=routes(find_item)),
        ],
        exception_handlers={HTTPException: _answer_problem},
    )


async def _redirect_to_demo(request: Request) -> Response:
    return RedirectResponse("/demo/")


async def _answer_problem(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    problem = Problem(exc.status_code, f"{exc.detail}: {request.url.path[:100]}")
    return Response(problem.body(), exc.status_code, dict(exc.headers or {}), PROBLEM_TYPE)
