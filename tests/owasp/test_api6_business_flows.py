"""API6, unrestricted access to sensitive business flows: crawlers, and who would steer what others see."""

from __future__ import annotations

import msgspec
import pytest

from models.visitor.fold import fold
from models.visitor.state import EMPTY
from schemas.codec import decode_event
from schemas.ids import VisitorId
from tests.events_strategies import NOW, record
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.house import ANN, event, state_after_views

HOME = "/v1/layouts/home"
CRAWLERS = [
    "Googlebot/2.1",
    "Mozilla/5.0 (compatible; bingbot/2.0)",
    "AhrefsBot/7.0",
    "facebookexternalhit/1.1",
    "Baiduspider",
    "SCRAPY-CRAWLER",
]


@pytest.mark.parametrize("agent", CRAWLERS)
async def test_a_crawler_gets_what_everybody_likes_and_nothing_is_decided(keyed: Keyed, agent: str) -> None:
    house, client, keys = keyed
    await house.write(state_after_views(["sneakers-0001"]), VisitorId("u:ann"))
    headers = keys.headers("publishable", keys.token("u:ann"), **{"user-agent": agent})
    pages = [(await client.get(HOME, headers=headers)).json() for _ in range(3)]
    assert {(page["mode"], page["reason"]) for page in pages} == {("popular", "bot")}
    assert "etalage_layouts_decided_total{" not in house.metrics.render().decode()


async def test_one_visitor_cannot_flood_a_trend_in_one_request(keyed: Keyed) -> None:
    house, client, keys = keyed
    batch = [event(number) for number in range(500)]
    await client.post("/v1/events", json=batch, headers=keys.headers("publishable", keys.token(ANN)))
    assert len(house.log.messages) == 100, "what a visitor may cost in five seconds"


async def test_many_visitors_need_a_proof_each(keyed: Keyed) -> None:
    """A page's key alone speaks for nobody: each made-up browser costs a token of its own."""
    house, client, keys = keyed
    batch = [event(number, f"made-up-{number}") for number in range(50)]
    answer = await client.post("/v1/events", json=batch, headers=keys.headers("publishable", keys.token(ANN)))
    assert {one["status"] for one in answer.json()["results"]} == {"rejected"}
    assert house.log.messages == []
    assert house.metric('etalage_access_refused_total{reason="other_visitor"}') == 50


async def test_made_up_browsers_cannot_be_chosen_or_guessed(keyed: Keyed) -> None:
    _, client, keys = keyed
    made = []
    for _ in range(50):
        client.cookies.clear()
        answer = await client.post("/v1/visitor-tokens", json={}, headers=keys.headers("publishable"))
        made.append(answer.json()["visitor"])
    assert len(set(made)) == 50
    assert all(len(visitor) == len("a:") + 32 for visitor in made)
    assert len({visitor[:8] for visitor in made}) > 40, "no counter, no clock"


def test_an_event_sent_again_counts_once() -> None:
    seen = decode_event(msgspec.json.encode(event()))
    once = fold(EMPTY, record(seen, 0, NOW.timestamp()))
    again = fold(once, record(seen, 1, NOW.timestamp()))
    assert (again.events, again.recent) == (once.events, once.recent)


# How many requests a bot that does not say it is one may make: with the rates of API4, once there are any.
