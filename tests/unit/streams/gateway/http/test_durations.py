"""Durations are told finer than the loop's clock, which under uvloop has whole milliseconds."""

from __future__ import annotations

import uvloop

from tests.unit.streams.gateway.house import ANN, House, looked_at, opened
from tests.unit.streams.gateway.layouts.test_stream import opened_page

REQUESTS = 8


def whole_ms(seconds: float) -> bool:
    return abs(seconds * 1000 - round(seconds * 1000)) < 1e-6


def spent(house: House, metric: str, labels: str) -> float:
    return house.metric(f"etalage_{metric}_sum{labels}")


async def _ask() -> list[float]:
    async with opened() as (house, client):
        await house.write(looked_at(["sneakers-0001"]))
        for _ in range(REQUESTS):
            await client.get(f"/v1/layouts/home?visitor={ANN}")
            await client.get(f"/v1/visitors/{ANN}")
        async with opened_page(house) as page:
            await page.next()
        routes = ("/v1/layouts/{page}", "/v1/visitors/{visitor}")
        times = [spent(house, "http_request_duration_seconds", f'{{route="{route}"}}') for route in routes]
        return [*times, spent(house, "push_delay_seconds", "")]


def test_times_are_finer_than_a_millisecond() -> None:
    for seconds in uvloop.run(_ask()):
        assert seconds > 0
        assert not whole_ms(seconds)
