"""API9, improper inventory management: what is served is what is documented and permitted, and nothing older.

tests/contracts/test_openapi.py has schemathesis ask a gateway everything that its document allows, and more.
"""

from __future__ import annotations

import re

import pytest

from streams.gateway.access.permissions import PERMISSIONS
from streams.gateway.admin.openapi import document
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.house import ANN

VERSIONS = {"v1"}
"""A second one is listed here, in the document, and in the changelog with the day when the first ends."""
UNVERSIONED = {"/livez", "/readyz", "/startupz", "/metrics"}


def _all_versions() -> set[str]:
    return {path.split("/")[1] for path, _ in PERMISSIONS if path not in UNVERSIONED}


async def test_router_permissions_and_document_name_the_same_routes(keyed: Keyed) -> None:
    house, _, _ = keyed
    served = {(path, method) for path, methods in house.gateway.router.routes().items() for method in methods}
    documented = {(path, name.upper()) for path, methods in document()["paths"].items() for name in methods}
    assert served == set(PERMISSIONS)
    assert served - documented == {("/metrics", "GET"), ("/v1/openapi.json", "GET")}
    assert documented <= served


def test_every_route_is_of_a_version() -> None:
    assert _all_versions() == VERSIONS


def test_the_document_says_which_it_is() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", document()["info"]["version"])


@pytest.mark.parametrize("version", ["v0", "v2", "v1beta", "V1", "latest", "internal", "test", ""])
async def test_no_other_version_answers(keyed: Keyed, version: str) -> None:
    _, client, keys = keyed
    for path, method in PERMISSIONS:
        if path not in UNVERSIONED:
            other = re.sub(r"^/v1", f"/{version}" if version else "", path).format(
                page="home", visitor=ANN, name="segment"
            )
            for caller in ("server", "read", "merchandise"):
                answer = await client.request(method, other, headers=keys.headers(caller))
                assert answer.status_code == 404, other


async def test_the_document_says_what_each_route_asks_for(keyed: Keyed) -> None:
    """Where a key is needed, it says so; where it says nothing, none is."""
    _, client, _ = keyed
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            answer = await client.request(
                method, path.format(page="home", visitor=ANN, name="segment"), params={}
            )
            assert (answer.status_code == 401) == ("security" in operation), path
