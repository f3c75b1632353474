"""API7, server side request forgery: nothing that a caller sends makes a gateway open a connection."""

from __future__ import annotations

import ast
import socket
from typing import Any

import pytest

from tests.architecture.tree import modules, parse_module
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.house import ANN, event

TARGETS = [
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:6379/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/_x",
    "//evil.example/x",
    "http://[::1]:9092/",
    "dict://localhost:11211/stat",
    "\\\\evil.example\\share",
]
HTTP_CLIENTS = {
    "aiohttp",
    "http.client",
    "httpx",
    "requests",
    "urllib.request",
    "urllib3",
    "ftplib",
    "smtplib",
}
ELSEWHERE = ("/training/", "/streams/cli/", "/streams/local/", "/streams/demo/shoppers/")
SHELLS = {"subprocess", "pty"}


class Outside(Exception):
    """A connection, or a look-up of a name."""


@pytest.fixture
def _shut_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*where: Any, **more: Any) -> Any:
        raise Outside(str(where))

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)


@pytest.mark.usefixtures("_shut_in")
def test_the_fixture_sees_a_connection() -> None:
    with pytest.raises(Outside):
        socket.create_connection(("127.0.0.1", 1))
    with socket.socket() as one, pytest.raises(Outside):
        one.connect(("127.0.0.1", 1))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.usefixtures("_shut_in")
async def test_an_address_is_text(keyed: Keyed, target: str) -> None:
    """In events, products, storefronts, parameters and headers; a page with that product is made, too."""
    _, client, keys = keyed
    body = event(context={"page": {"url": target, "referrer": target}}, callback=target)
    body["properties"] |= {"url": target, "image": target}
    posted = await client.post("/v1/events", json=body, headers=keys.headers("server"))
    assert posted.json()["results"][0]["status"] == "accepted"
    item = {
        "item_id": "x",
        "title": "X",
        "price": 1,
        "currency": "EUR",
        "categories": ["x"],
        "image": target,
        "url": target,
    }
    assert (
        await client.put("/v1/catalog/items", json=[item], headers=keys.headers("merchandise"))
    ).status_code == 200
    page = {"visitor": ANN, "hydrate": "1"}
    sent = dict.fromkeys(("x-forwarded-host", "referer", "host", "x-callback-url"), target)
    assert (
        await client.get("/v1/layouts/home", params=page, headers=keys.headers("server") | sent)
    ).status_code == 200
    for name in ("q", "category"):
        answer = await client.get(
            "/v1/layouts/search", params={"visitor": ANN, name: target}, headers=keys.headers("server")
        )
        assert answer.status_code == 200
    pictures = await client.get("/demo/items/x.svg", params={"kind": target, "brand": target})
    assert pictures.status_code == 200
    assert 'href="' not in pictures.text


@pytest.mark.parametrize("forbidden", [HTTP_CLIENTS, SHELLS], ids=["clients", "shells"])
def test_what_serves_has_nothing_to_fetch_or_run_with(forbidden: set[str]) -> None:
    found = {
        f"{path}: {name}"
        for path in (*modules("models"), *modules("streams"))
        if _serves(str(path))
        for name in _imported(ast.walk(parse_module(path)))
        if name in forbidden
    }
    assert not found


def _serves(path: str) -> bool:
    """Whether a module is of gateways and workers: not training, commands, our own servers or shoppers."""
    return not any(room in path for room in ELSEWHERE)


def _imported(nodes: Any) -> set[str]:
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names
