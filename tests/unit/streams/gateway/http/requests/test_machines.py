"""Machines get the page for all, on every route, and what they report is not kept."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from streams.gateway.http.requests import machines
from streams.gateway.http.requests.machines import EVENTS_A_MINUTE, KNOWN_FOR_S, Machines
from tests.unit.streams.gateway.access.keyed import keyed_gateway
from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import ANN, House, event, state_after_views

GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
CRAWLER = {"user-agent": GOOGLE}


async def test_events_of_a_crawler_are_ignored_and_not_written(
    house: House, client: httpx.AsyncClient
) -> None:
    answer = (await client.post("/v1/events", json=[event(1), event(2), {}], headers=CRAWLER)).json()
    ignored = {"status": "ignored", "reason": "bot"}
    assert answer["results"][:2] == [ignored | {"message_id": "m1"}, ignored | {"message_id": "m2"}]
    assert answer["results"][2]["status"] == "rejected"
    assert "token" not in answer
    assert answer.get("tokens", {}) == {}
    assert house.log.messages == []
    assert house.metric('etalage_machine_events_total{by="agent"}') == 2
    assert house.metric('etalage_intake_events_total{answer="ignored"}') == 2


async def test_an_agent_that_a_server_names_is_looked_at() -> None:
    async with keyed_gateway() as (_, client, keys):
        body = [event(1) | {"context": {"user_agent": GOOGLE}}, event(2)]
        headers = keys.headers("server") | {"user-agent": "Salesforce.com bot"}
        answer = (await client.post("/v1/events", json=body, headers=headers)).json()
        assert [one["status"] for one in answer["results"]] == ["ignored", "accepted"]


async def test_a_stream_of_a_crawler_shows_the_page_for_all(house: House) -> None:
    await house.write(state_after_views(["sneakers-0001"]))
    async with open_page(house, headers=CRAWLER) as page:
        layout = (await page.next()).layout()
        assert (layout.mode, layout.reason) == ("popular", "bot")
    assert len(house.gateway.exposures.outbox) == 0


async def test_a_ranking_for_a_crawler_is_that_for_all(house: House, client: httpx.AsyncClient) -> None:
    await house.write(state_after_views(["sneakers-0001"]))
    body = {"visitor": ANN, "items": ["sneakers-0001", "sneakers-0002"], "deadline_ms": 1000}
    answer = (await client.post("/v1/rank", json=body, headers=CRAWLER)).json()
    assert (answer["mode"], answer["reason"], answer["version"]) == ("popular", "bot", "")


async def test_who_does_what_no_person_can_is_a_machine_for_a_while(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machines, "EVENTS_A_MINUTE", 5)

    async def post(start: int) -> list[str]:
        body = [event(n) for n in range(start, start + 4)]
        return [one["status"] for one in (await client.post("/v1/events", json=body)).json()["results"]]

    async def reason() -> Any:
        return (await client.get(f"/v1/layouts/home?visitor={ANN}")).json()["reason"]

    assert await post(0) == ["accepted"] * 4
    assert await post(4) == ["accepted"] + ["ignored"] * 3
    assert await reason() == "bot"
    assert house.metric('etalage_machine_events_total{by="rate"}') == 3
    house.clock.advance(KNOWN_FOR_S + 1)
    assert await reason() != "bot"


def test_a_queue_sent_late_and_a_history_are_of_people() -> None:
    counted = Machines()
    queue = [counted.count("a:app", 1000, 0.0) for _ in range(1_500)]
    history = [counted.count("a:old", n // 2, 0.0) for n in range(3 * EVENTS_A_MINUTE)]
    assert not any(queue)
    assert not any(history)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "VISITORS_MAX", 10)
    monkeypatch.setattr(machines, "MACHINES_MAX", 10)
    monkeypatch.setattr(machines, "EVENTS_A_MINUTE", 0)
    counted = Machines()
    assert all(counted.count(f"a:{n}", 0, 0.0) for n in range(100))
    assert sum(counted.is_machine(f"a:{n}", 1.0) for n in range(100)) == 10
