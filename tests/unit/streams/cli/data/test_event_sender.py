"""Events are cut into requests a gateway takes, and sent at a rate without waiting for answers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence

import pytest

from schemas.errors import ServiceMissing
from streams.cli.data import event_sender
from streams.cli.data.event_sender import (
    POST_BYTES_MAX,
    GatewaySink,
    RefusedLine,
    send_events,
    split_requests,
)
from streams.cli.gateway_client import GatewayBusy
from streams.gateway.events.validation import VISITOR_EVENTS_MAX
from streams.runtime.clock import ManualClock
from streams.shop.document_parsing import EventLine, parse_event_lines


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
    parts = list(split_requests(given))
    assert [line for part in parts for line in part] == given
    for part in parts:
        assert sum(len(line.raw) + 1 for line in part) <= POST_BYTES_MAX
        most = Counter(line.event.visitor for line in part if line.event).most_common(1)[0][1]
        assert most <= VISITOR_EVENTS_MAX


class RefusingSink:
    """Takes everything but the first line; each send lasts `send_s` of the clock."""

    def __init__(self, clock: ManualClock | None = None, send_s: float = 0.0) -> None:
        self._clock, self._send_s = clock or ManualClock(), send_s
        self.parts: list[tuple[float, int]] = []

    async def send(self, lines: Sequence[EventLine]) -> list[RefusedLine]:
        self.parts.append((self._clock.monotonic(), len(lines)))
        self._clock.advance(self._send_s)
        return [RefusedLine(1, "not this one")] if len(self.parts) == 1 else []


async def test_what_is_refused_is_named_by_line() -> None:
    given = [*lines("a", "b", "c"), EventLine(4, b"{", None, "broken")]
    done: list[int] = []
    sent, refused = await send_events(RefusingSink(), given, rate=None, progress=done.append)
    assert (sent, sum(done)) == (2, 4)
    assert refused == [RefusedLine(4, "broken"), RefusedLine(1, "not this one")]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """A clock that sleeping moves on, so that no test waits."""
    clock = ManualClock()

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return clock


async def test_the_rate_is_kept(clock: ManualClock) -> None:
    sink = RefusingSink(clock)
    await send_events(sink, lines(*("abcdefghij" * 5)), rate=100, progress=lambda n: None, clock=clock)
    assert sum(count for _, count in sink.parts) == 50
    sent = 0
    for at, count in sink.parts:
        sent += count
        assert sent - 1 < at * 100, "no event before it is due"
    assert clock.monotonic() == pytest.approx(0.5, abs=0.021)


class FailingGateway:
    """What a sink posts to: each call gets the next of its answers, the last one for ever."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []

    def __call__(self, url: str, path: str, body: bytes, within_s: float) -> bytes:
        self.bodies.append(body)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        results = [{"status": answer, "reason": f"so {answer}"}] * len(json.loads(body))
        return json.dumps({"results": results}).encode()


async def send_to(
    monkeypatch: pytest.MonkeyPatch, clock: ManualClock, *answers: str | Exception
) -> tuple[FailingGateway, list[RefusedLine], list[str]]:
    gateway = FailingGateway(*answers)
    said: list[str] = []
    monkeypatch.setattr(event_sender, "request_gateway", gateway)
    sink = GatewaySink("http://gateway", tell=said.append, clock=clock)
    return gateway, await sink.send(lines("a", "b")), said


AWAY = ServiceMissing("no gateway at http://gateway (Connection refused)")
BUSY = GatewayBusy("the gateway at http://gateway cannot serve now: 503")


async def test_a_gateway_that_restarts_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    answers: list[str | Exception] = [AWAY, AWAY, BUSY, "retry", "accepted"]
    gateway, refused, said = await send_to(monkeypatch, clock, *answers)
    assert refused == []
    assert len(set(gateway.bodies)) == 1, "the same message ids each time"
    assert len(gateway.bodies) == 5
    assert [line.partition("; trying on")[0] for line in said] == [
        str(AWAY), str(BUSY), "the gateway answers: so retry"
    ]  # fmt: skip


@pytest.mark.parametrize("failure", [AWAY, BUSY])
async def test_a_gateway_that_stays_away_is_named_after_a_minute(
    monkeypatch: pytest.MonkeyPatch, clock: ManualClock, failure: Exception
) -> None:
    with pytest.raises(type(failure)) as raised:
        await send_to(monkeypatch, clock, failure)
    assert str(raised.value) == f"{failure}; tried for 60 s"
    assert clock.monotonic() >= 30


async def test_what_the_gateway_cannot_write_is_not_blamed_on_the_way_there(
    monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    _, refused, _ = await send_to(monkeypatch, clock, "retry")
    assert [one.why for one in refused] == ["the gateway answers: so retry; tried for 60 s"] * 2
    assert clock.monotonic() >= 30


@pytest.mark.parametrize("answer", ["rejected", "ignored"])
async def test_what_is_not_taken_for_good_is_not_sent_again(
    monkeypatch: pytest.MonkeyPatch, clock: ManualClock, answer: str
) -> None:
    gateway, refused, _ = await send_to(monkeypatch, clock, answer)
    assert len(gateway.bodies) == 1
    assert [one.why for one in refused] == [f"so {answer}"] * 2


async def test_after_a_slow_answer_the_next_part_catches_up(clock: ManualClock) -> None:
    sink = RefusingSink(clock, send_s=0.2)
    await send_events(sink, lines(*("abcdefghij" * 5)), rate=100, progress=lambda n: None, clock=clock)
    counts = [count for _, count in sink.parts]
    assert counts[1:-1] == [pytest.approx(20, abs=2)] * (len(counts) - 2)
    assert len(counts) == 4


@pytest.mark.parametrize("rate", [None, 1e9])
async def test_without_a_bound_all_goes_in_one_part(clock: ManualClock, rate: float | None) -> None:
    sink = RefusingSink()
    await send_events(sink, lines(*("a" * 30)), rate=rate, progress=lambda n: None, clock=clock)
    assert [count for _, count in sink.parts] == [30]
