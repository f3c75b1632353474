"""`/v1/openapi.json`, written from the types that decode requests and encode answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import msgspec

from models.policy.inspection.visitor_profile import VisitorProfile
from schemas.adapters.all_adapters import ADAPTERS
from schemas.catalog import Item
from schemas.events import KnownEvent
from schemas.ids import ID_PATTERN
from schemas.layouts import Layout
from schemas.storefront import Storefront
from streams.gateway.access.token_route import TokenRequest
from streams.gateway.access.visitor_tokens import SignedToken
from streams.gateway.admin.catalog import CatalogAnswer
from streams.gateway.admin.health import ShopReport
from streams.gateway.admin.openapi_events import CODING, TAKEN, add_taken, events_body
from streams.gateway.admin.openapi_security import SECURITY_SCHEMES, add_security
from streams.gateway.events.intake.route import EventsAnswer
from streams.gateway.http.asgi_io import Receive, Scope, Send, send_bytes
from streams.gateway.http.parameters import (
    DEADLINE_MS,
    DEADLINE_MS_MAX,
    DEADLINE_MS_MIN,
    FLAGS,
    PAGES,
    TEXT_MAX,
    VISITOR_PATTERN,
    refuse_parameters,
)
from streams.gateway.http.problems import PROBLEM_TYPE, ProblemDocument
from streams.gateway.layouts.rank import RankAnswer, RankRequest
from streams.runtime.telemetry.probes import Readiness
from streams.shop.publishing import SectionChanges

Json = dict[str, Any]
REF = "#/components/schemas/{name}"

_TYPES: Mapping[str, Any] = {
    "Event": KnownEvent,
    "EventsAnswer": EventsAnswer,
    "Layout": Layout,
    "RankRequest": RankRequest,
    "RankAnswer": RankAnswer,
    "Item": Item,
    "CatalogAnswer": CatalogAnswer,
    "Storefront": Storefront,
    "SectionChanges": SectionChanges,
    "VisitorProfile": VisitorProfile,
    "ShopReport": ShopReport,
    "Readiness": Readiness,
    "TokenRequest": TokenRequest,
    "SignedToken": SignedToken,
    "ProblemDocument": ProblemDocument,
}


_PUBLISHED_NAMES: Mapping[str, str] = {"VisitorProfile": "Belief", "Affinity": "Liking"}
"""Type -> the name of its component where that was published before the type was renamed: clients generated
from the document have types of these names."""


class OpenApi:
    """The document as bytes, made at the first request."""

    def __init__(self) -> None:
        self._body: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refuse_parameters(scope["query_string"])
        if self._body is None:
            self._body = msgspec.json.encode(document())
        await send_bytes(send, self._body)


def document() -> Json:
    """The OpenAPI 3.1 document of the gateway."""
    schemas, components = msgspec.json.schema_components(_TYPES.values(), ref_template=REF)
    for section in ("PageDef", "ModuleDef", "RuleDef"):
        components[section]["required"].remove("section")  # a document's lists say it already
    for part in ("Storefront", "PageDef", "SlotDef", "ModuleDef", "RuleDef", "Match"):
        components[part]["additionalProperties"] = False  # the topic's readers skip them, this route does not
    add_taken(components)
    named = dict(zip(_TYPES, schemas, strict=True))
    info = {
        "title": "Etalage gateway",
        "version": version("etalage"),
        "description": "Events in, layouts out, pushes to open pages.",
    }
    paths = _visitor_paths(named) | _merchandiser_paths(named) | _probe_paths(named)
    add_security(paths, _problems)
    parts = {"schemas": components, "securitySchemes": SECURITY_SCHEMES}
    made = {"openapi": "3.1.0", "info": info, "paths": paths, "components": parts}
    return _with_published_names(made)


def _with_published_names(document: Json) -> Json:
    """The document with `_PUBLISHED_NAMES` for components, their titles and the references to them."""
    text = msgspec.json.encode(document).decode()
    for name, published in _PUBLISHED_NAMES.items():
        for mark in ('"title":"{}"', '"#/components/schemas/{}"', '"{}":{{'):
            text = text.replace(mark.format(name), mark.format(published))
    restored: Json = msgspec.json.decode(text)
    return restored


def _visitor_paths(named: Mapping[str, Json]) -> Json:
    return {
        "/v1/events": {"post": _events(named)},
        "/v1/adapters/{name}": {"post": _adapter_operation(named)},
        "/v1/layouts/{page}": {"get": _layout(named)},
        "/v1/layouts/{page}/stream": {"get": _stream()},
        "/v1/rank": {
            "post": _operation(
                "Order items for a visitor",
                named["RankAnswer"],
                named["RankRequest"],
                problems=(400, 403, 408, 413, 429, 503),
            )
        },
        "/v1/visitor-tokens": {
            "post": _operation(
                "Sign a token that proves a visitor",
                named["SignedToken"],
                named["TokenRequest"],
                problems=(400, 403, 408, 413, 429, 503),
            )
        },
    }


def _merchandiser_paths(named: Mapping[str, Json]) -> Json:
    storefront = _operation(
        "Make the storefront equal to a document",
        named["SectionChanges"],
        named["Storefront"],
        parameters=[_query("replace", _FLAG, "1: also when that removes every page, or all that stands")],
        problems=(400, 413, 422, 503),
    )
    profile = _operation(
        "What is believed of a visitor",
        named["VisitorProfile"],
        parameters=[_path("visitor", _VISITOR)],
        problems=(400, 403, 404, 503),
    )
    return {
        "/v1/catalog/items": {"put": _catalog(named)},
        "/v1/storefront": {"put": storefront},
        "/v1/visitors/{visitor}": {"get": profile},
        "/v1/admin/shop": {"get": _operation("The shop in use", named["ShopReport"])},
    }


def _probe_paths(named: Mapping[str, Json]) -> Json:
    return {
        "/livez": {"get": _probe("Whether the process turns", named)},
        "/readyz": {"get": _probe("Whether it can do its work", named)},
        "/startupz": {"get": _probe("Whether it has started", named)},
    }


_VISITOR: Json = {
    "type": "string", "pattern": VISITOR_PATTERN, "examples": ["a:browser-1", "u:4711"],
}  # fmt: skip
_WHO = "u:<user id> or a:<anonymous id>; with a publishable key it may be left out: the token says it"
_TEXT: Json = {"type": "string", "minLength": 1, "maxLength": TEXT_MAX}
_TOKEN: Json = {"type": "string", "pattern": r"^[0-9]{1,19}\.[0-9]{1,19}\.[0-9]{1,19}$"}
_FLAG: Json = {"enum": list(FLAGS)}
_PAGE: Json = {"enum": sorted(PAGES)}


def _query(name: str, schema: Json, description: str, *, required: bool = False) -> Json:
    return {"name": name, "in": "query", "required": required, "schema": schema, "description": description}


def _path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _layout_parameters() -> list[Json]:
    """The parameters of both layout routes."""
    return [
        _path("page", _PAGE),
        _query("visitor", _VISITOR, _WHO, required=True),
        _query(
            "item", {"type": "string", "pattern": ID_PATTERN, "maxLength": 128}, "the product page's item"
        ),
        _query("category", _TEXT, "the category page's category"),
        _query("q", _TEXT, "the search page's query"),
        _query("hydrate", _FLAG, "1: items carry what is needed to draw them"),
        _query("explain", _FLAG, "1: items carry why they are there"),
    ]


def _layout(named: Mapping[str, Json]) -> Json:
    deadline = {
        "type": "integer", "minimum": DEADLINE_MS_MIN, "maximum": DEADLINE_MS_MAX, "default": DEADLINE_MS,
    }  # fmt: skip
    parameters = [
        *_layout_parameters(),
        _query("after", _TOKEN, "a token from POST /v1/events"),
        _query("deadline_ms", deadline, "when the answer must be there"),
    ]
    return _operation(
        "The layout of a page for a visitor", named["Layout"], parameters=parameters, problems=(400, 403, 404)
    )


def _stream() -> Json:
    parameters = [
        *_layout_parameters(),
        _query("journey", _FLAG, "1: also `event: journey`"),
        {"name": "last-event-id", "in": "header", "required": False, "schema": {"type": "string"}},
    ]
    stream = {
        "description": "One `event: layout` each time the window changes",
        "content": {"text/event-stream": {}},
    }
    return {
        "summary": "Layouts as they change (server-sent events)",
        "parameters": parameters,
        "responses": {"200": stream, **_problems((400, 403, 404, 429, 503))},
    }


_RETRIES = (
    "At most 2,500 events and 500 KiB, of one visitor or many. An event that is sent again "
    "with its message_id changes nothing: the last 16 messages of a visitor are known as long as the visitor "
    "is, and others for an hour after that, up to 3,072 of them."
)


def _events(named: Mapping[str, Json]) -> Json:
    operation = _operation(
        "Post events",
        named["EventsAnswer"],
        events_body(named["Event"], {"$ref": REF.format(name=TAKEN)}),
        parameters=[CODING],
        problems=(400, 403, 408, 413, 415, 429, 503),
    )
    operation["requestBody"]["content"]["text/plain"] = {}  # the same JSON, as sendBeacon sends it
    return operation | {"description": _RETRIES}


def _adapter_operation(named: Mapping[str, Json]) -> Json:
    name = {"name": "name", "in": "path", "required": True, "schema": {"enum": list(ADAPTERS)}}
    return _operation(
        "Post events in the format of another tool; a webhook's signature is as good as an API key",
        named["EventsAnswer"],
        {"type": ["array", "object"], "description": "a body as that tool sends it"},
        parameters=[name],
        problems=(400, 404, 408, 413, 429),
    )


def _catalog(named: Mapping[str, Json]) -> Json:
    items = {"type": "array", "items": named["Item"]}
    operation = _operation("Write items", named["CatalogAnswer"], items, problems=(400, 408, 413))
    operation["requestBody"]["content"]["application/x-ndjson"] = {}
    return operation


def _probe(summary: str, named: Mapping[str, Json]) -> Json:
    answer = {"description": summary, "content": {"application/json": {"schema": named["Readiness"]}}}
    return {"summary": summary, "responses": {"200": answer, "503": answer}}


def _operation(
    summary: str,
    answer: Json,
    body: Json | None = None,
    *,
    parameters: Iterable[Json] = (),
    problems: Iterable[int] = (400, 403, 408, 413),
) -> Json:
    operation: Json = {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": answer}}},
            **_problems(problems),
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _problems(codes: Iterable[int]) -> Json:
    schema = {"schema": {"$ref": REF.format(name="ProblemDocument")}}
    return {str(code): {"description": "A problem", "content": {PROBLEM_TYPE: schema}} for code in codes}
