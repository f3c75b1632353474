"""The demo's routes: the page, its pictures, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from schemas.catalog import Item
from streams.demo.routes import CARDS_MAX, routes

ITEM = Item(item_id="lamps-0001", title="Briar Lamp", categories=["home", "lamps"], price=49.0, colour="sage")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Mount("/demo", routes=routes({ITEM.item_id: ITEM}.get))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://demo") as client:
        yield client


async def test_a_picture_is_served_and_may_be_kept(client: httpx.AsyncClient) -> None:
    answer = await client.get("/demo/items/sneakers-0001.svg?kind=sneakers&colour=teal")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "max-age=" in answer.headers["cache-control"]
    assert answer.text.startswith("<svg")


async def test_the_page_names_no_other_host(client: httpx.AsyncClient) -> None:
    page = await client.get("/demo/")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text


async def test_an_unknown_file_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get("/demo/nothing.js")).status_code == 404


async def test_a_path_of_many_parts_is_not_looked_for_on_the_disk(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part costs a look at the disk, and a path may have thousands."""
    looked_for: list[str] = []

    def look(path: str, **_: bool) -> str:
        looked_for.append(str(path))
        return path

    monkeypatch.setattr("os.path.realpath", look)
    assert (await client.get("/demo/" + "a/" * 500 + "shop.css")).status_code == 404
    assert not [path for path in looked_for if "a/a" in path]


async def test_the_cards_of_what_the_shop_has_and_no_others(client: httpx.AsyncClient) -> None:
    answer = await client.get("/demo/cards.json?item=lamps-0001&item=yachts-0001")
    assert answer.status_code == 200
    cards = answer.json()["cards"]
    assert set(cards) == {"lamps-0001"}
    assert (cards["lamps-0001"]["title"], cards["lamps-0001"]["colour"]) == ("Briar Lamp", "sage")
    assert (await client.get("/demo/cards.json")).json() == {"cards": {}}


async def test_more_cards_than_a_page_needs_are_left_out(client: httpx.AsyncClient) -> None:
    many = "&".join(["item=none"] * CARDS_MAX + ["item=lamps-0001"])
    assert (await client.get(f"/demo/cards.json?{many}")).json() == {"cards": {}}
