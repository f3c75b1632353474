"""`PUT /v1/storefront`: what a document changes, and what it is refused for."""

from __future__ import annotations

import asyncio

import httpx
import msgspec
import pytest

from models.storefront.defaults import DEFAULT_STOREFRONT
from schemas.codec import encode
from schemas.storefront import ModuleDef, RuleDef, Section, Storefront, sections_of
from streams.shop.publishing import StoredStorefront
from tests.unit.streams.gateway.house import House


@pytest.fixture
def sections(house: House, monkeypatch: pytest.MonkeyPatch) -> dict[str, Section]:
    """What stands in the storefront topic."""
    standing: dict[str, Section] = {}

    async def read() -> StoredStorefront:
        return StoredStorefront(standing, len(house.log.written.get("unit.storefront.v1", ())))

    monkeypatch.setattr(house.gateway.shop_routes, "_read", read)
    return standing


async def test_a_storefront_replaces_the_last_one(
    house: House, client: httpx.AsyncClient, sections: dict[str, Section]
) -> None:
    sections["rule:old"] = RuleDef(id="old", action="exclude")
    wanted = Storefront(modules=[ModuleDef(id="mine", type="trending", title="Mine")])
    answer = await client.put("/v1/storefront", content=encode(wanted))
    assert answer.json() == {"written": ["module:mine"], "removed": ["rule:old"], "unchanged": 0}
    written = dict(house.log.written["unit.storefront.v1"])
    assert written[b"rule:old"] is None
    assert msgspec.json.decode(written[b"module:mine"] or b"", type=ModuleDef) == wanted.modules[0]


async def test_a_storefront_that_would_clear_the_last_one_is_to_say_so(
    house: House, client: httpx.AsyncClient, sections: dict[str, Section]
) -> None:
    sections |= sections_of(
        Storefront(pages=DEFAULT_STOREFRONT.pages[:2], rules=[RuleDef(id="r", action="pin")])
    )
    one = encode(Storefront(modules=[ModuleDef(id="mine", type="trending", title="Mine")]))
    for body, field in ((b"{}", "$"), (one, "$.pages")):
        answer = await client.put("/v1/storefront?replace=0", content=body)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
        assert "replace=1 allows it" in answer.json()["detail"]
    assert house.log.written == {}
    answer = await client.put("/v1/storefront?replace=1", content=one)
    assert answer.json()["removed"] == ["page:category", "page:home", "rule:r"]


@pytest.mark.parametrize(("query", "field"), [("replace=2", "replace"), ("replace=1&all=1", "all")])
async def test_a_storefront_takes_one_flag(client: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await client.put(f"/v1/storefront?{query}", content=b"{}")
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_a_storefront_push_that_is_always_overtaken_is_to_be_sent_again(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def behind() -> StoredStorefront:
        return StoredStorefront({}, -1)

    monkeypatch.setattr(house.gateway.shop_routes, "_read", behind)
    wanted = Storefront(modules=[ModuleDef(id="mine", type="trending", title="Mine")])
    answer = await client.put("/v1/storefront", content=encode(wanted))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_two_storefronts_put_at_once_are_written_one_after_the_other(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = "unit.storefront.v1"

    async def read() -> StoredStorefront:
        records = list(house.log.written.get(topic, ()))
        await asyncio.sleep(0)
        standing = {
            key.decode(): msgspec.json.decode(value, type=Section)
            for key, value in dict(records).items()
            if value is not None
        }
        return StoredStorefront(standing, len(records))

    monkeypatch.setattr(house.gateway.shop_routes, "_read", read)
    documents = [
        Storefront(modules=[ModuleDef(id=name, type="trending", title="Mine")]) for name in ("one", "two")
    ]
    answers = await asyncio.gather(
        *(client.put("/v1/storefront", content=encode(document)) for document in documents)
    )
    assert [answer.json()["removed"] for answer in answers] == [[], ["module:one"]]
    standing = dict(house.log.written[topic])
    assert [key for key, value in standing.items() if value is not None] == [b"module:two"]


@pytest.mark.usefixtures("sections")
async def test_a_wrong_storefront_writes_nothing(house: House, client: httpx.AsyncClient) -> None:
    page = {"page": "home", "slots": [{"id": "s", "admits": ["nobody"], "default": "nobody"}]}
    for body in ({"pages": [page]}, {"pages": 5}):
        answer = await client.put("/v1/storefront", json=body)
        assert answer.status_code == 422
        assert answer.json()["field"].startswith("$.pages")
    assert house.log.written == {}


@pytest.mark.usefixtures("sections")
async def test_a_field_of_a_storefront_that_nobody_reads_is_refused(
    house: House, client: httpx.AsyncClient
) -> None:
    rule = {"id": "r", "action": "exclude", "match": {"category": ["shoes"]}}
    answer = await client.put("/v1/storefront", json={"rules": [rule]})
    assert (answer.status_code, answer.json()["field"]) == (422, "$.rules[0].match.category")
    assert "did you mean categories?" in answer.json()["detail"]
    assert house.log.written == {}
