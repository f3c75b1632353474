"""Durations are measured finer than by the loop's clock, which under uvloop has whole milliseconds."""

from __future__ import annotations

import uvloop

from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import ANN, House, open_gateway, state_after_views

REQUESTS = 8


def is_whole_ms(seconds: float) -> bool:
    return abs(seconds * 1000 - round(seconds * 1000)) < 1e-6


def total(house: House, metric: str, labels: str) -> float:
    return house.metric(f"etalage_{metric}_sum{labels}")


async def _measure() -> list[float]:
    async with open_gateway() as (house, client):
        await house.write(state_after_views(["sneakers-0001"]))
        for _ in range(REQUESTS):
            await client.get(f"/v1/layouts/home?visitor={ANN}")
            await client.get(f"/v1/visitors/{ANN}")
        async with open_page(house) as page:
            await page.next()
        routes = ("/v1/layouts/{page}", "/v1/visitors/{visitor}")
        times = [total(house, "http_request_duration_seconds", f'{{route="{route}"}}') for route in routes]
        return [*times, total(house, "push_delay_seconds", "")]


def test_times_are_finer_than_a_millisecond() -> None:
    for seconds in uvloop.run(_measure()):
        assert seconds > 0
        assert not is_whole_ms(seconds)
