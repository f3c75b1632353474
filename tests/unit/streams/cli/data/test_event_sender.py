"""Events are cut into requests a gateway takes, and paced without waiting for answers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence

import pytest

from streams.cli.data.event_sender import POST_BYTES_MAX, Refused, _requests, send_events
from streams.gateway.events.validation import VISITOR_EVENTS_MAX
from streams.shop.documents import EventLine, parse_event_lines


def lines(*visitors: str, pad: int = 0) -> list[EventLine]:
    events = (
        {
            "event": "page_view",
            "message_id": f"m{n}",
            "anonymous_id": visitor,
            "timestamp": "2026-01-01T00:00:00Z",
            "extra": "x" * pad,
        }
        for n, visitor in enumerate(visitors)
    )
    return list(parse_event_lines("\n".join(json.dumps(event) for event in events).encode()))


def test_requests_stay_within_the_gateways_limits_and_keep_order() -> None:
    given = lines(*(["a"] * 40 + ["b"] * 5), pad=20_000)
    parts = list(_requests(given))
    assert [line for part in parts for line in part] == given
    for part in parts:
        assert sum(len(line.raw) + 1 for line in part) <= POST_BYTES_MAX
        most = Counter(line.event.visitor for line in part if line.event).most_common(1)[0][1]
        assert most <= VISITOR_EVENTS_MAX


class Taking:
    """A sink that takes everything but the first line."""

    def __init__(self) -> None:
        self.parts: list[int] = []

    async def send(self, lines: Sequence[EventLine]) -> list[Refused]:
        self.parts.append(len(lines))
        return [Refused(1, "not this one")] if len(self.parts) == 1 else []


async def test_what_is_refused_is_named_by_line() -> None:
    given = [*lines("a", "b", "c"), EventLine(4, b"{", None, "broken")]
    done: list[int] = []
    sent, refused = await send_events(Taking(), given, rate=None, progress=done.append)
    assert (sent, sum(done)) == (2, 4)
    assert refused == [Refused(4, "broken"), Refused(1, "not this one")]


async def test_the_rate_is_kept() -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    sink = Taking()
    await send_events(sink, lines(*("abcdefghij" * 5)), rate=100, progress=lambda n: None)
    assert 0.45 <= loop.time() - begun < 5
    assert sum(sink.parts) == 50
    assert max(sink.parts) < 50


@pytest.mark.parametrize("rate", [None, 1e9])
async def test_without_a_pace_all_goes_in_few_parts(rate: float | None) -> None:
    sink = Taking()
    await send_events(sink, lines(*("a" * 30)), rate=rate, progress=lambda n: None)
    assert sum(sink.parts) == 30
