"""Sends the events of a file: to Kafka as a shop's own producer would, or by POST to a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from models.catalog.enrichment import FindItem, enrich_event
from schemas.codec import DECODE_ERRORS
from schemas.errors import ServiceMissing, StreamUnavailable
from schemas.events import OtherEvent
from schemas.topics import EVENTS
from streams.cli.gateway_client import GatewayBusy, request_gateway
from streams.kafka.batch_sending import send_all
from streams.runtime.clock import Clock, SystemClock
from streams.shop.document_parsing import EventLine
from streams.shop.publishing import Progress

POST_EVENTS_MAX = 500
POST_BYTES_MAX = 400 * 1024
"""Below the gateway's limits of one request: 2,500 events, 500 KiB."""
POST_WITHIN_S = 30.0
TRY_FOR_S = 60.0
"""How long a request is tried again: longer than a gateway needs to start anew (30 s at most)."""
TRIED = f"tried for {TRY_FOR_S:.0f} s"
WAIT_S = (0.2, 5.0)
"""First and longest wait between two tries, doubling."""
IDLE_S = 0.02
"""How long to sleep while no event is due."""


class RefusedLine(Struct, frozen=True):
    """A line that was not sent, and the reason."""

    line: int
    why: str


class UnknownName(Struct):
    """An event name that is not in `schemas.events`: such events are stored and change no feature.

    `line` is the first line with this name, `count` the number of lines.
    """

    name: str
    line: int
    count: int = 0


def find_unknown_names(lines: Iterable[EventLine]) -> list[UnknownName]:
    """Return each unknown event name with its first line and its number of lines."""
    names: dict[str, UnknownName] = {}
    for line in lines:
        if isinstance(line.event, OtherEvent):
            names.setdefault(line.event.event, UnknownName(line.event.event, line.line)).count += 1
    return list(names.values())


def complete_lines(lines: Iterable[EventLine], find_item: FindItem) -> list[EventLine]:
    """Complete the items of each event from the catalogue, as the gateway does."""
    return [
        line
        if line.event is None
        else msgspec.structs.replace(line, raw=enrich_event(line.event, line.raw, find_item))
        for line in lines
    ]


class EventSink(Protocol):
    """Where events are sent to."""

    async def send(self, lines: Sequence[EventLine]) -> list[RefusedLine]:
        """Send lines that have an event; returns those that were refused.

        Raises StreamUnavailable or ServiceMissing when the service does not answer.
        """
        ...


class KafkaSink:
    """Writes to `events.v1`: keyed by visitor, the Java client's partition, acknowledged by all replicas."""

    def __init__(self, producer: Any, namespace: str) -> None:
        self._producer, self._topic = producer, EVENTS.full_name(namespace)

    async def send(self, lines: Sequence[EventLine]) -> list[RefusedLine]:
        pairs = [(line.event.visitor.encode(), line.raw) for line in lines if line.event is not None]
        await send_all(self._producer, self._topic, pairs)
        return []


NOT_TAKEN = ("rejected", "ignored")


class _Result(Struct):
    status: str
    reason: str = ""


class _Answer(Struct):
    results: list[_Result]


class _Attempt(Struct, frozen=True):
    """What became of one request: lines refused for good, those left with the reason, or why it failed."""

    refused: list[RefusedLine]
    remaining: list[tuple[EventLine, str]]
    failure: ServiceMissing | GatewayBusy | None = None

    def give_up(self) -> list[RefusedLine]:
        """The lines that are left, refused; raises the failure if there was one."""
        if self.failure is not None:
            raise type(self.failure)(f"{self.failure}; {TRIED}") from self.failure
        return [RefusedLine(line.line, f"{why}; {TRIED}") for line, why in self.remaining]


class GatewaySink:
    """Posts to `{url}/v1/events`, and again for TRY_FOR_S seconds what was not taken.

    A gateway that is away or busy, and a result `retry`, are tried again; message ids make that safe.

    Args:
        url: the gateway's address.
        tell: is told why the sink waits, once for each cause, one line for a person.
        clock: measures how long.
    """

    def __init__(
        self, url: str, *, tell: Callable[[str], None] = lambda line: None, clock: Clock | None = None
    ) -> None:
        self._url, self._tell = url.rstrip("/"), tell
        self._clock = clock or SystemClock()
        self._said = ""

    async def send(self, lines: Sequence[EventLine]) -> list[RefusedLine]:
        refused = []
        for part in split_requests(lines):
            refused += await self._send_part(part)
        return refused

    async def _send_part(self, lines: Sequence[EventLine]) -> list[RefusedLine]:
        refused: list[RefusedLine] = []
        until, wait_s = self._clock.monotonic() + TRY_FOR_S, WAIT_S[0]
        while True:
            attempt = await self._try(lines)
            refused += attempt.refused
            lines = [line for line, _ in attempt.remaining]
            if not lines:
                return refused
            if self._clock.monotonic() >= until:
                return refused + attempt.give_up()
            self._say_waiting(str(attempt.failure or attempt.remaining[0][1]))
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, WAIT_S[1])

    async def _try(self, lines: Sequence[EventLine]) -> _Attempt:
        try:
            results = await self._post_all(lines)
        except (ServiceMissing, GatewayBusy) as exc:
            return _Attempt([], [(line, "") for line in lines], exc)
        pairs = list(zip(lines, results, strict=True))
        return _Attempt(
            [RefusedLine(line.line, one.reason) for line, one in pairs if one.status in NOT_TAKEN],
            [(line, f"the gateway answers: {one.reason}") for line, one in pairs if one.status == "retry"],
        )

    def _say_waiting(self, why: str) -> None:
        if why != self._said:
            self._said = why
            self._tell(f"{why}; trying on for {TRY_FOR_S:.0f} s")

    async def _post_all(self, lines: Sequence[EventLine]) -> list[_Result]:
        """One result for each line, from one request."""
        body = b"[" + b",".join(line.raw for line in lines) + b"]"
        results = await asyncio.to_thread(self._post, body)
        if len(results) != len(lines):
            raise StreamUnavailable(f"{self._url}: {len(results)} answers to {len(lines)} events")
        return results

    def _post(self, body: bytes) -> list[_Result]:
        raw = request_gateway(self._url, "/v1/events", body, within_s=POST_WITHIN_S)
        try:
            return msgspec.json.decode(raw, type=_Answer).results
        except DECODE_ERRORS as exc:
            raise StreamUnavailable(f"{self._url} answered something that is no gateway's: {exc}") from exc


async def send_events(
    sink: EventSink,
    lines: Iterable[EventLine],
    *,
    rate: float | None,
    progress: Progress,
    clock: Clock | None = None,
) -> tuple[int, list[RefusedLine]]:
    """Send every line that has an event.

    Args:
        sink: Where to.
        lines: Lines in order; those without an event are refused with their decoding error.
        rate: Events a second, None for no limit. The schedule is open-loop: after a slow answer the next
            part holds every line that became due meanwhile.
        progress: Takes how many more lines are done.
        clock: Measures the rate.

    Returns:
        How many events the sink took, and the refused lines.

    Raises:
        StreamUnavailable, ServiceMissing: From the sink.
    """
    sent, refused = 0, []
    clock = clock or SystemClock()
    started_at = clock.monotonic()
    for part in split_by_rate(lines, rate, lambda: clock.monotonic() - started_at):
        if not part:
            await asyncio.sleep(IDLE_S)
            continue
        decoded = [line for line in part if line.event is not None]
        not_taken = await sink.send(decoded)
        refused += [RefusedLine(line.line, line.error) for line in part if line.event is None] + not_taken
        sent += len(decoded) - len(not_taken)
        progress(len(part))
    return sent, refused


def split_by_rate(
    lines: Iterable[EventLine], rate: float | None, elapsed_s: Callable[[], float]
) -> Iterator[list[EventLine]]:
    """Yield parts of lines that are due, at most POST_EVENTS_MAX each; an empty part while none is due."""
    part: list[EventLine] = []
    for n, line in enumerate(lines):
        while rate is not None and n >= elapsed_s() * rate:
            yield part
            part = []
        part.append(line)
        if len(part) >= POST_EVENTS_MAX:
            yield part
            part = []
    if part:
        yield part


def split_requests(lines: Iterable[EventLine]) -> Iterator[list[EventLine]]:
    """Yield parts that each stay within the gateway's limits of one request, in order."""
    part: list[EventLine] = []
    size = 0
    for line in lines:
        if part and size + len(line.raw) > POST_BYTES_MAX:
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line.raw) + 1
    if part:
        yield part
