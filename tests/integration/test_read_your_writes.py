"""I3 over real processes: who presents a token sees that event or `stale`, and no version goes backwards."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from msgspec import Struct

from schemas.ids import Version
from tests.integration.shop_http import ITEMS, HttpClient, view
from tests.stack import Running, Stack

TRIALS = 10_000
TALKERS = 8
VISITORS_EACH = 25
"""Of one talker; each round posts one event of each of them in one request, then asks for each layout."""


STRANGER = Version(0, 0, 0)
"""Of a layout for a visitor without a state."""


class TrialCounts(Struct):
    """What the trials saw."""

    trials: int = 0
    fresh: int = 0


@pytest.mark.timeout(240)
async def test_ten_thousand_clicks_are_seen_by_those_who_made_them(stack: Stack) -> None:
    stack.start("worker")
    gateways = [stack.start("gateway"), stack.start("gateway")]
    for running in stack.running:
        await asyncio.to_thread(running.wait_ready, 90)
    counts = TrialCounts()
    async with asyncio.timeout(150):
        await asyncio.gather(*(_talk(n, gateways, counts) for n in range(TALKERS)))
    assert counts.trials >= TRIALS
    assert counts.fresh >= 0.95 * counts.trials, f"{counts}: the deadline of a second was hardly ever enough"
    for gateway in gateways:
        looks = gateway.metrics().split("etalage_event_loop_lag_seconds_count ")[1]
        assert float(looks.split()[0]) > 1, "a gateway told nothing of how busy its loop was"


async def _talk(number: int, gateways: list[Running], counts: TrialCounts) -> None:
    """Rounds of post and get until all talkers together have done their trials."""
    rng = random.Random(number)
    visitors = [f"t{number}-{n}" for n in range(VISITORS_EACH)]
    seen: dict[str, Version] = {}
    async with HttpClient(gateways[0].address) as one, HttpClient(gateways[1].address) as other:
        while counts.trials < TRIALS:
            poster, reader = rng.sample((one, other), 2)
            events = [view(v, rng.choice(ITEMS), f"{v}-{counts.trials}-{rng.random()}") for v in visitors]
            for visitor, token in zip(visitors, await _post(poster, events), strict=True):
                await _trial(rng.choice((poster, reader)), visitor, token, seen, counts)


async def _post(poster: HttpClient, events: list[dict[str, Any]]) -> list[Version]:
    """The token of each event; what Kafka did not take in time is sent again, as a browser would."""
    tokens: dict[str, Version] = {}
    while left := [event for event in events if event["message_id"] not in tokens]:
        for event, result in zip(left, await poster.post(left), strict=True):
            assert result["status"] in ("accepted", "retry"), result
            if result["status"] == "accepted":
                tokens[event["message_id"]] = Version.parse(result["token"])
    return [tokens[event["message_id"]] for event in events]


async def _trial(
    reader: HttpClient, visitor: str, token: Version, seen: dict[str, Version], counts: TrialCounts
) -> None:
    layout = await reader.layout(f"a:{visitor}", after=token.text(), deadline_ms=1000)
    counts.trials += 1
    if layout.mode == "stale" and layout.reason != "stream_stale":
        return  # the store did not answer in time: what everybody likes, of no version
    version = Version.parse(layout.version)
    before = seen.get(visitor, STRANGER)
    if before != STRANGER:
        assert version.incarnation == before.incarnation
        assert version >= before, f"{visitor}: {version.text()} after {before.text()}"
    seen[visitor] = version
    if layout.mode == "stale":
        return
    assert (version.incarnation, version.partition) == (token.incarnation, token.partition)
    assert version >= token, f"{layout.mode} at {version.text()} for {token.text()}"
    counts.fresh += 1
