"""Sends the events of a file: to Kafka as a shop's own producer would, or by POST to a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from models.catalog.enrichment import FindItem, enrich_event
from schemas.codec import DECODE_ERRORS
from schemas.errors import StreamUnavailable
from schemas.events import OtherEvent
from schemas.topics import EVENTS
from streams.cli.gateway_client import request_gateway
from streams.kafka.batch_sending import send_all
from streams.runtime.clock import Clock, SystemClock
from streams.shop.document_parsing import EventLine
from streams.shop.publishing import Progress

POST_EVENTS_MAX = 500
POST_BYTES_MAX = 400 * 1024
"""Below the gateway's limits of one request: 2,500 events, 500 KiB."""
POST_WITHIN_S = 30.0
POST_TRIES = 6
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


class _Result(Struct):
    status: str
    reason: str = ""


class _Answer(Struct):
    results: list[_Result]


class GatewaySink:
    """Posts to `{url}/v1/events`. A result `retry` is sent again, which its message_id makes safe."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    async def send(self, lines: Sequence[EventLine]) -> list[RefusedLine]:
        refused = []
        for part in split_requests(lines):
            refused += await self._send_part(part)
        return refused

    async def _send_part(self, lines: Sequence[EventLine]) -> list[RefusedLine]:
        refused: list[RefusedLine] = []
        remaining = list(lines)
        for attempt in range(POST_TRIES):
            body = b"[" + b",".join(line.raw for line in remaining) + b"]"
            results = await asyncio.to_thread(self._post, body)
            if len(results) != len(remaining):
                raise StreamUnavailable(f"{self._url}: {len(results)} answers to {len(remaining)} events")
            pairs = list(zip(remaining, results, strict=True))
            refused += [RefusedLine(line.line, r.reason) for line, r in pairs if r.status == "rejected"]
            remaining = [line for line, result in pairs if result.status == "retry"]
            if not remaining:
                return refused
            await asyncio.sleep(0.2 * 2**attempt)
        return refused + [
            RefusedLine(line.line, "the gateway could not write it to Kafka") for line in remaining
        ]

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
