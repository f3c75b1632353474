"""The gateway does what its OpenAPI document says, also when it is asked nonsense."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from streams.gateway.access.credentials import KEY_HEADER
from streams.gateway.access.permissions import PERMISSIONS
from streams.gateway.admin.openapi import document
from streams.gateway.events.event_log import MemoryLog
from streams.gateway.http.connection_limits import LimitedHttpProtocol
from streams.runtime.telemetry.logs import configure
from streams.shop.publishing import StoredStorefront
from tests.unit.streams.gateway.access.keyed import KeyBunch
from tests.unit.streams.gateway.house import open_gateway, state_after_views

STREAM = "/v1/layouts/{page}/stream"
"""An endless answer is none that a generator of requests could wait for; tests/unit covers it."""

ONE_BY_ONE = ["/v1/events", "/v1/catalog/items"]
"""Here a wrong entry is rejected in the answer's results, not with a status of the whole."""


class Served:
    """A gateway in memory behind a real socket, in a thread of its own; with `keys` it asks for them."""

    def __init__(self, keys: KeyBunch | None = None) -> None:
        self._keys = keys
        self.socket = socket.create_server(("127.0.0.1", 0))
        self._server: uvicorn.Server | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    @property
    def url(self) -> str:
        host, port = self.socket.getsockname()
        return f"http://{host}:{port}"

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.should_exit = True
        self._thread.join(20)
        self.socket.close()

    async def _serve(self) -> None:
        async with open_gateway() as (house, _):
            await house.write(state_after_views(["sneakers-0001"]))
            if self._keys is not None:
                self._keys.give(house)
            house.gateway.shop_routes._read = partial(_no_sections, house.log)
            config = uvicorn.Config(
                house.gateway.app,
                http=LimitedHttpProtocol,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
            )
            self._server = uvicorn.Server(config)
            self._ready.set()
            await self._server.serve(sockets=[self.socket])


async def _no_sections(log: MemoryLog) -> StoredStorefront:
    return StoredStorefront({}, len(log.written.get("unit.storefront.v1", ())))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    configure(style="json", level="error")
    with Served() as served:
        yield served.url


@pytest.fixture(scope="module")
def keys() -> KeyBunch:
    return KeyBunch()


@pytest.fixture(scope="module")
def keyed_url(keys: KeyBunch) -> Iterator[str]:
    configure(style="json", level="error")
    with Served(keys) as served:
        yield served.url


UNDOCUMENTED = {"/v1/openapi.json", "/metrics"}
"""The document itself, and what Prometheus reads in its own format."""


async def test_every_route_is_in_the_document_and_the_other_way_round() -> None:
    async with open_gateway() as (house, _):
        routes = house.gateway.router.routes()
    documented = {path: {name.upper() for name in methods} for path, methods in document()["paths"].items()}
    assert documented == {path: methods for path, methods in routes.items() if path not in UNDOCUMENTED}


MEANING = ["/v1/storefront"]
"""Sections must fit each other: a document of the right shape may still be refused (422)."""

OTHERS = ["/v1/adapters/{name}"]
"""What a body may hold is said by others, and depends on the name; wrong events are answered in results."""


def _lighter() -> dict[str, Any]:
    """The document with one kind of event for thirty: generating from all of them takes minutes, and
    tests/contracts/test_contracts.py has an example of each."""
    lighter = document()
    event = {"$ref": "#/components/schemas/ViewItem"}
    schema = {"anyOf": [{"type": "array", "items": event, "maxItems": 3}, event]}
    operation = lighter["paths"]["/v1/events"]["post"]
    operation["requestBody"]["content"] = {"application/json": {"schema": schema}}
    operation["parameters"] = []  # a body that is not of its content-encoding is tried in tests/unit
    del lighter["paths"]["/v1/catalog/items"]["put"]["requestBody"]["content"]["application/x-ndjson"]
    return lighter


schema = schemathesis.openapi.from_dict(_lighter())
BOUNDED = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@schema.exclude(path=[STREAM, *ONE_BY_ONE, *MEANING, *OTHERS]).parametrize()
@BOUNDED
def test_answers_are_as_documented(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(base_url=url, timeout=10)


@schema.include(path=ONE_BY_ONE).parametrize()
@BOUNDED
def test_what_is_judged_entry_by_entry(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(base_url=url, timeout=10, excluded_checks=[negative_data_rejection])


@schema.include(path=MEANING).parametrize()
@BOUNDED
def test_what_no_schema_can_say(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(base_url=url, timeout=10, excluded_checks=[positive_data_acceptance])


REFUSED = [positive_data_acceptance, negative_data_rejection]
"""Who may not ask is refused before what was asked is looked at."""


@schema.include(path=OTHERS).parametrize()
@BOUNDED
def test_what_others_specify(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(base_url=url, timeout=10, excluded_checks=[*REFUSED])


@pytest.mark.parametrize("kind", ["publishable", "server", "read", "merchandise"])
@schema.exclude(path=STREAM).parametrize()
@settings(BOUNDED, max_examples=3)
def test_answers_to_a_key_are_as_documented(
    case: schemathesis.Case[Any], kind: str, keyed_url: str, keys: KeyBunch
) -> None:
    headers = {KEY_HEADER: keys.texts[kind]}
    answer = case.call_and_validate(
        base_url=keyed_url, timeout=10, headers=headers, excluded_checks=[*REFUSED, ignored_auth]
    )
    assert answer.status_code != 401


@schema.exclude(path=STREAM).parametrize()
@settings(BOUNDED, max_examples=3)
def test_without_a_key_it_is_401_or_for_anybody(case: schemathesis.Case[Any], keyed_url: str) -> None:
    case.headers.pop(KEY_HEADER, None)
    answer = case.call_and_validate(base_url=keyed_url, timeout=10, excluded_checks=[*REFUSED, ignored_auth])
    anybody = PERMISSIONS.get((case.path, case.method)) is None or PERMISSIONS[case.path, case.method].anybody
    assert answer.status_code == 401 or anybody


SLOT = {"id": "s", "admits": ["hero"], "default": "hero"}
RULE = {"id": "r", "action": "exclude", "match": {"tags": ["x"]}}
MODULE = {"id": "m", "type": "hero", "title": "T"}
UNKNOWN = {"zz": 1}


@pytest.mark.parametrize(
    "storefront",
    [
        UNKNOWN,
        {"pages": [{"page": "home", "slots": [SLOT]} | UNKNOWN]},
        {"pages": [{"page": "home", "slots": [SLOT | UNKNOWN]}]},
        {"modules": [MODULE | UNKNOWN]},
        {"rules": [RULE | UNKNOWN]},
        {"rules": [RULE | {"match": UNKNOWN}]},
    ],
    ids=str,
)
def test_no_part_of_a_storefront_takes_an_unknown_field(storefront: dict[str, Any]) -> None:
    whole = document() | {"$ref": "#/components/schemas/Storefront"}
    errors = list(Draft202012Validator(whole).iter_errors(storefront))
    assert [error.validator for error in errors] == ["additionalProperties"]
