"""Who may do what: one table of all routes. The README prints it, a test asks every route with every kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Grant = Literal["publishable", "server", "read", "merchandise"]
"""What a caller holds: the kind of its key, or for an admin key each of its roles."""

Side = Literal["public", "admin", "both"]
"""At which port a route answers when admin routes have one of their own."""

EVERYBODY: frozenset[Grant] = frozenset({"publishable", "server", "read", "merchandise"})


class Permission(Struct, frozen=True):
    """Who may use a route; `anybody` needs no key; with `signed` the signature of a
    webhook is as good as one, so the route itself asks. `publishable` acts for proven visitors alone."""

    grants: frozenset[Grant] = frozenset()
    anybody: bool = False
    signed: bool = False
    side: Side = "public"


def _of(*grants: Grant, side: Side = "public") -> Permission:
    return Permission(frozenset(grants), side=side)


LAYOUT = ("/v1/layouts/{page}", "GET")
"""The route that answers whatever is down."""

_PROBE = Permission(anybody=True, side="both")

PERMISSIONS: Mapping[tuple[str, str], Permission] = {
    ("/v1/events", "POST"): _of("publishable", "server"),
    ("/v1/adapters/{name}", "POST"): Permission(frozenset({"publishable", "server"}), signed=True),
    LAYOUT: _of("publishable", "server", "read"),
    ("/v1/layouts/{page}/stream", "GET"): _of("publishable", "server", "read"),
    ("/v1/rank", "POST"): _of("server", "read"),
    ("/v1/visitor-tokens", "POST"): _of("publishable", "server"),
    ("/v1/visitors/{visitor}", "GET"): _of("server", "read", side="admin"),
    ("/v1/catalog/items", "PUT"): _of("merchandise", side="admin"),
    ("/v1/storefront", "PUT"): _of("merchandise", side="admin"),
    ("/v1/admin/shop", "GET"): _of("read", side="admin"),
    ("/metrics", "GET"): _of("read", side="admin"),
    ("/v1/openapi.json", "GET"): Permission(anybody=True),
    ("/livez", "GET"): _PROBE,
    ("/readyz", "GET"): _PROBE,
    ("/startupz", "GET"): _PROBE,
}
"""By route, as the router calls it, and method. What is no route of the router (the demo) is for anybody."""

SIDES: Mapping[str, Side] = {path: permission.side for (path, _), permission in PERMISSIONS.items()}
"""All methods of a path are of one side."""

EXPLAIN: frozenset[Grant] = frozenset({"server", "read"})
"""Who may ask for `explain` and `journey`: scores, feature values and times are not a shop's public's."""


def cross_origin_methods(route: str) -> list[str]:
    """Which methods of a route pages of other origins may use, with a publishable key."""
    return [
        method
        for (path, method), permission in PERMISSIONS.items()
        if path == route and "publishable" in permission.grants
    ]
