"""The other routes, and that everything wrong is a problem document."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from models.policy.inspection.visitor_profile import VisitorProfile
from schemas.codec import encode
from schemas.ids import VisitorId, hash32
from streams.gateway.access.callers import Caller
from streams.gateway.access.permissions import EVERYBODY
from streams.gateway.admin.openapi import document
from streams.gateway.events.intake.validation import REQUEST_BYTES_MAX
from streams.gateway.http.problems import PROBLEM_TYPE
from streams.gateway.layouts.rank import RankAnswer
from tests.unit.streams.gateway.house import ANN, META, House, event, small_shop, state_after_views


async def test_an_event_is_written_under_its_visitor(house: House, client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/events", json={"events": [event(1), event(2)]})
    partition = house.partition()
    token = f"{META.incarnation}.{partition}.1"
    assert answer.json()["token"] == token
    assert answer.json()["tokens"] == {ANN: token}
    assert [r["status"] for r in answer.json()["results"]] == ["accepted", "accepted"]
    assert [(m.topic, m.partition, m.key) for m in house.log.messages] == [
        ("unit.events.v1", partition, b"a:ann")
    ] * 2
    assert b'"item_category":"shoes"' in house.log.messages[0].value


async def test_no_single_token_for_two_visitors(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/v1/events", json=[event(1), event(2, visitor="bob")])).json()
    assert "token" not in answer
    assert set(answer["tokens"]) == {"a:ann", "a:bob"}


async def test_without_kafka_every_event_is_to_be_sent_again(house: House, client: httpx.AsyncClient) -> None:
    house.log.down = True
    answer = await client.post("/v1/events", json=[event(1), {"event": "view_item"}])
    assert answer.status_code == 200
    assert answer.headers["retry-after"] == "1"
    assert [r["status"] for r in answer.json()["results"]] == ["retry", "rejected"]
    assert house.metric('etalage_intake_events_total{answer="retry"}') == 1


async def test_rank(house: House, client: httpx.AsyncClient) -> None:
    bags = {hash32(small_shop().items.items[small_shop().items.row_of("bags-0001")].category): 8.0}
    version = await house.write(
        replace(state_after_views(["bags-0001"]), categories=bags, now_categories=bags)
    )
    items = ["sneakers-0001", "bags-0003", "nobody"]
    answer = await client.post("/v1/rank", json={"visitor": ANN, "items": items, "explain": True})
    ranked = msgspec.json.decode(answer.content, type=RankAnswer)
    assert sorted(i.id for i in ranked.items) == sorted(items)
    assert ranked.items[0].id == "bags-0003"
    assert ranked.items[0].why is not None
    assert ranked.items[-1].id == "nobody"
    assert ranked.unknown == ["nobody"]
    assert ranked.version == version
    scores = [i.score for i in ranked.items]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "$"),
        (b'{"visitor": "a:1"}', "$.items"),
        (b'{"visitor": "a:1", "items": []}', "$.items"),
        (b'{"visitor": "a:1", "items": ["x", "x"]}', "$.items"),
        (b'{"visitor": "nobody", "items": ["x"]}', "$.visitor"),
        (b'{"visitor": "a:1", "items": ["x"], "colour": "red"}', "$"),
    ],
)
async def test_a_wrong_rank_request_names_the_field(
    client: httpx.AsyncClient, body: bytes, field: str
) -> None:
    answer = await client.post("/v1/rank", content=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_items_are_validated_one_by_one(house: House, client: httpx.AsyncClient) -> None:
    good = encode(small_shop().items.items[0])
    bad = b'{"item_id": "x", "title": "no price", "categories": ["c"]}'
    for body in (b"[" + good + b"," + bad + b"]", good + b"\n" + bad + b"\n"):
        answer = (await client.put("/v1/catalog/items", content=body)).json()["results"]
        assert [r["status"] for r in answer] == ["accepted", "rejected"]
        assert answer[1]["field"] == "$.price"
    assert [key for key, _ in house.log.written["unit.catalog.v1"]] == [answer[0]["item_id"].encode()] * 2
    house.log.down = True
    answer = (await client.put("/v1/catalog/items", content=good)).json()["results"]
    assert [r["status"] for r in answer] == ["retry"]


async def test_the_profile_of_a_visitor(house: House, client: httpx.AsyncClient) -> None:
    await house.write(state_after_views(["sneakers-0001"]))
    profile = msgspec.json.decode((await client.get(f"/v1/visitors/{ANN}")).content, type=VisitorProfile)
    assert profile.recent[0].id == "sneakers-0001"
    table = house.follower.shop.items
    assert profile.recent[0].title == table.items[table.row_of("sneakers-0001")].title
    assert (await client.get("/v1/visitors/a:nobody")).status_code == 404
    assert (await client.get("/v1/visitors/nobody")).status_code == 400


async def test_visitors_cannot_be_deleted_yet(client: httpx.AsyncClient) -> None:
    answer = await client.delete(f"/v1/visitors/{ANN}")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert answer.headers["content-type"] == PROBLEM_TYPE


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/layouts/basement?visitor=a:1", 404),
        ("GET", "/v1/layouts/home", 400),
        ("GET", "/v1/layouts/home/stream", 400),
        ("GET", "/v1/layouts/home/stream?visitor=a:1&after=1.1.1", 400),
        ("POST", "/v1/layouts/home", 405),
        ("GET", "/v1/events", 405),
        ("POST", "/v1/events", 400),
        ("POST", "/v1/events?debug=1", 400),
        ("GET", "/v1/admin/shop?x=1", 400),
        ("GET", "/demo/nothing-there", 404),
    ],
)
async def test_every_error_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM_TYPE
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]


async def test_too_much_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/events", content=b" " * (REQUEST_BYTES_MAX + 1))
    assert answer.status_code == 413

    async def endless() -> Any:
        while True:
            yield b" " * 65536

    assert (await client.post("/v1/events", content=endless())).status_code == 413


async def test_a_defect_is_a_problem_too(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.log, "append", None)
    answer = await client.post("/v1/events", json=event())
    assert answer.status_code == 500
    assert answer.headers["content-type"] == PROBLEM_TYPE
    assert house.metric('etalage_http_requests_total{code="500",route="/v1/events"}') == 1


def paths_that_read(visitor: str) -> list[str]:
    """A GET of each documented route that takes a visitor."""
    asked = []
    for path, methods in document()["paths"].items():
        parameters = methods.get("get", {}).get("parameters", ())
        places = [one["in"] for one in parameters if one["name"] == "visitor"]
        if places:
            query = f"?visitor={visitor}" if places == ["query"] else ""
            asked.append(path.format(page="home", visitor=visitor, name="segment") + query)
    return asked


class Stranger(Caller):
    def __init__(self) -> None:
        super().__init__(EVERYBODY)

    def may_act_for(self, visitor: str) -> bool:
        return visitor == "a:me"


async def test_nobody_reads_whom_they_may_not(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.gateway.access.door.OPEN", Stranger())
    await house.write(state_after_views(["sneakers-0001"]), VisitorId("a:ann"))
    paths = paths_that_read("a:ann")
    assert len(paths) >= 3
    for path in paths:
        assert (await client.get(path)).status_code == 403, path
    body = {"visitor": "a:ann", "items": ["sneakers-0001"]}
    assert (await client.post("/v1/rank", json=body)).status_code == 403
    answer = (await client.post("/v1/events", json=[event(), event(visitor="me")])).json()
    assert [r["status"] for r in answer["results"]] == ["rejected", "accepted"]
    assert (await client.get("/v1/layouts/home?visitor=a:me")).status_code == 200


async def test_probes_and_metrics(house: House, client: httpx.AsyncClient) -> None:
    for path in ("/livez", "/readyz", "/startupz"):
        assert (await client.get(path)).status_code == 200
    house.follower.ready, house.follower.reason = False, "reading"
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "reason": "reading"})
    assert (await client.get("/livez")).status_code == 200
    metrics = (await client.get("/metrics")).text
    assert "etalage_circuit_open 0.0" in metrics
    assert "etalage_kafka_connected 1.0" in metrics
    house.log.down = True
    assert "etalage_kafka_connected 0.0" in (await client.get("/metrics")).text
    report = (await client.get("/v1/admin/shop")).json()
    assert (report["items"], report["ready"], report["generation"]) == (200, False, 1)
