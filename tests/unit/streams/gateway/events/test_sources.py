"""From which address an event came stands in its record, as a pseudonym, where that tells clients apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from schemas.sources import DAY_S, read_source, source_of
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.access.keyed import keyed_gateway
from tests.unit.streams.gateway.house import ANN, NOW_S, event, open_gateway


@pytest.fixture
async def behind_proxy() -> AsyncIterator[Keyed]:
    """A gateway with keys that believes what 127.0.0.1, the test's client, says of addresses."""
    async with keyed_gateway(proxies="127.0.0.1") as made:
        yield made


async def post(made: Keyed, address: str, key: str = "publishable", **more: str) -> list[tuple[str, bytes]]:
    """The headers of the record of one event."""
    house, client, keys = made
    headers = keys.headers(key, keys.token(ANN), **{"x-forwarded-for": address}, **more)
    answer = await client.post("/v1/events", json=event(), headers=headers)
    assert [one["status"] for one in answer.json()["results"]] == ["accepted"]
    return house.log.messages[-1].headers


async def test_one_address_is_one_source_and_another_is_another(behind_proxy: Keyed) -> None:
    first, again, other = [await post(behind_proxy, f"93.184.216.{n}") for n in (7, 7, 8)]
    assert first == again != other
    assert read_source(first) > 0
    secret = behind_proxy[2].texts["signing"]
    assert first == [("source", source_of("93.184.216.7", secret, NOW_S))]


async def test_a_customers_network_is_one_source(behind_proxy: Keyed) -> None:
    first, again, other = [await post(behind_proxy, f"2a00:1:2:{n}") for n in ("3::1", "3::2", "4::1")]
    assert first == again != other


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "nonsense", ""])
async def test_an_address_that_may_be_everybodys_is_no_source(behind_proxy: Keyed, address: str) -> None:
    assert await post(behind_proxy, address) == []


async def test_what_a_client_puts_before_its_address_is_not_read(behind_proxy: Keyed) -> None:
    honest = await post(behind_proxy, "93.184.216.7")
    assert await post(behind_proxy, "93.184.215.1, 93.184.216.7", source="abcd") == honest


async def test_a_server_speaks_for_all_its_shoppers(behind_proxy: Keyed) -> None:
    assert await post(behind_proxy, "93.184.216.7", key="server") == []


@pytest.mark.parametrize("settings", [{"address_rate": 0.0}, {"address_rate": 0.0, "visitor_rate": 0.0}])
async def test_where_addresses_tell_nobody_apart_there_are_no_sources(settings: dict[str, Any]) -> None:
    async with keyed_gateway(proxies="127.0.0.1", **settings) as made:
        assert await post(made, "93.184.216.7") == []


async def test_an_open_gateway_knows_none() -> None:
    async with open_gateway(proxies="127.0.0.1", address_rate=100.0) as (house, client):
        await client.post("/v1/events", json=event(), headers={"x-forwarded-for": "93.184.216.7"})
        assert [message.headers for message in house.log.messages] == [[]]


async def test_a_new_signing_key_makes_new_sources(behind_proxy: Keyed) -> None:
    house, _, keys = behind_proxy
    before = await post(behind_proxy, "93.184.216.7")
    keys.add(house, "signing", "signing", now=NOW_S - 60)
    assert await post(behind_proxy, "93.184.216.7") != before


def test_a_source_is_of_a_day_and_of_a_secret() -> None:
    first = source_of("93.184.216.7", "secret", NOW_S)
    assert len(first) == 4
    others = [("other", NOW_S), ("secret", NOW_S + DAY_S)]
    assert first not in [source_of("93.184.216.7", *other) for other in others]
    assert first == source_of("93.184.216.7", "secret", NOW_S // DAY_S * DAY_S)


def test_a_long_secret_is_a_good_one() -> None:
    assert source_of("93.184.216.7", "k" * 500, NOW_S) != source_of("93.184.216.7", "k" * 501, NOW_S)


async def test_records_of_one_post_have_one_source(behind_proxy: Keyed) -> None:
    house, client, keys = behind_proxy
    headers = keys.headers("publishable", keys.token(ANN), **{"x-forwarded-for": "93.184.216.7"})
    answer: httpx.Response = await client.post("/v1/events", json=[event(1), event(2)], headers=headers)
    assert answer.status_code == 200
    one, two = house.log.messages
    assert one.headers == two.headers != []
