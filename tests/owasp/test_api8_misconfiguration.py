"""API8, security misconfiguration: what errors say, what is on by default, whom pages may be read by."""

from __future__ import annotations

import re
from typing import Any

import pytest

from schemas.errors import ServiceMissing
from streams.runtime.settings import Settings
from streams.stores.api_keys import refuse_unguarded
from tests.architecture.tree import ROOT
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.access.keyed import OTHER, SHOP
from tests.unit.streams.gateway.house import ANN, event

HOME = f"/v1/layouts/home?visitor={ANN}"
INSIDE = re.compile(
    rb"Traceback|File \"|\.py\b|/site-packages|line \d+|Error\(|msgspec|starlette|uvicorn|redis-py|hiredis"
)
SECRET = "a password of ours"

BAD_REQUESTS: list[tuple[str, str, bytes]] = [
    ("GET", "/v1/layouts/home?visitor=x", b""),
    ("GET", "/v1/layouts/%ff?visitor=a:1", b""),
    ("GET", "/nowhere", b""),
    ("GET", HOME + "&after=%ff", b""),
    ("DELETE", "/v1/events", b""),
    ("POST", "/v1/events", b"\xff\xfe"),
    ("POST", "/v1/events", b"[[[["),
    ("POST", "/v1/rank", b'{"visitor":1}'),
    ("POST", "/v1/rank", b"\x00"),
    ("POST", "/v1/visitor-tokens", b'{"ttl_s":1e400}'),
    ("PUT", "/v1/storefront", b"{}"),
    ("GET", "/v1/visitors/x", b""),
    ("GET", "/demo/../../etc/passwd", b""),
    ("GET", "/demo/%2e%2e/%2e%2e/etc/passwd", b""),
    ("GET", "/demo/nothing", b""),
    ("PUT", "/v1/catalog/items", b'[{"item_id":1e999}]'),
    ("GET", "/v1/visitors/a:nobody", b""),
]


@pytest.mark.parametrize(("method", "path", "body"), BAD_REQUESTS, ids=str)
async def test_an_error_says_nothing_of_the_inside(keyed: Keyed, method: str, path: str, body: bytes) -> None:
    _, client, keys = keyed
    for caller in ("server", "read", "merchandise"):
        answer = await client.request(
            method, f"http://shop{path}", content=body, headers=keys.headers(caller)
        )
        assert not INSIDE.search(answer.content)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not {"server", "x-powered-by"} & set(answer.headers)


async def test_a_defect_says_nothing_of_itself(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    house, client, keys = keyed

    async def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError(SECRET)

    for owner, name in ((house.log, "append"), (house.store, "state"), (house.store, "layout")):
        monkeypatch.setattr(owner, name, fail)
    posted = await client.post("/v1/events", json=event(), headers=keys.headers("server"))
    page = await client.get(HOME, headers=keys.headers("server"))
    profile = await client.get(f"/v1/visitors/{ANN}", headers=keys.headers("read"))
    assert [posted.status_code, page.status_code, profile.status_code] == [500, 200, 500]
    for answer in (posted, page, profile):
        assert SECRET not in answer.text
        assert not INSIDE.search(answer.content)


@pytest.mark.parametrize(
    "origin", [OTHER, "null", "https://shop.example.evil.example", "http://shop.example", SHOP + ":444"]
)
async def test_no_other_page_may_read_an_answer(keyed: Keyed, origin: str) -> None:
    _, client, keys = keyed
    for caller in ("publishable", "server", "read"):
        answer = await client.get(HOME, headers=keys.headers(caller, keys.token(ANN), origin=origin))
        assert "access-control-allow-origin" not in answer.headers
        if caller == "publishable":
            assert answer.status_code == 403


def test_by_default_nothing_is_open_to_a_network() -> None:
    refuse_unguarded(Settings(), None)
    assert Settings().host == "127.0.0.1"
    assert (Settings().key, Settings().origins) == (None, None)
    for host in ("0.0.0.0", "::", "192.168.1.5"):
        with pytest.raises(ServiceMissing):
            refuse_unguarded(Settings(host=host), None)


def test_no_key_lies_in_the_tree() -> None:
    """Neither one of ours nor a private key of anybody's: samples are what is deployed by mistake."""
    key = re.compile(
        rb"\b(?:pk|sk|ak|vs)_[0-9a-f]{10}_[\w-]{43}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9]"
    )
    for room in ("schemas", "models", "streams", "deploy", "tests"):
        for path in (ROOT / room).rglob("*"):
            if path.is_file() and path.suffix not in {".so", ".pyc", ".onnx", ".npz"}:
                assert not key.search(path.read_bytes()), path


async def test_there_is_no_page_for_debugging(keyed: Keyed) -> None:
    _, client, _ = keyed
    for path in (
        "/debug",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/.env",
        "/.git/config",
        "/server-status",
        "/console",
    ):
        assert (await client.get(path)).status_code == 404
    assert (await client.request("TRACE", "/livez")).status_code == 405


async def test_why_a_gateway_is_not_ready_is_not_for_everybody(keyed: Keyed) -> None:
    """Reasons name servers and topics."""
    house, client, keys = keyed
    house.gateway.partition_map.refuse("no topic at kafka-1.internal:9092")
    for headers in ({}, keys.headers("publishable")):
        answer = await client.get("/readyz", headers=headers)
        assert answer.status_code == 503
        assert "internal" not in answer.text
    for caller in ("server", "read"):
        answer = await client.get("/readyz", headers=keys.headers(caller))
        assert "kafka-1.internal" in answer.json()["reason"]
