"""Sends events of a file: straight to Kafka as a shop's own producer would, or by POST to a gateway."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from schemas.codec import DECODE_ERRORS
from schemas.errors import StreamUnavailable
from schemas.events import OtherEvent
from schemas.topics import EVENTS
from streams.cli.gateway_client import ask
from streams.gateway.events.validation import VISITOR_EVENTS_MAX, FindItem, completed_bytes
from streams.kafka.batching import send_all
from streams.shop.documents import EventLine
from streams.shop.publishing import Progress

POST_EVENTS_MAX = 500
POST_BYTES_MAX = 400 * 1024
"""Below the gateway's limits of one request: 2,500 events, 500 KiB."""
POST_S = 30.0
TRIES = 6
TICK_S = 0.02


class Refused(Struct, frozen=True):
    """A line that was not sent, and why."""

    line: int
    why: str


class Unknown(Struct):
    """A name that is none of ours: such events are kept, and nothing is learnt from them."""

    name: str
    line: int
    count: int = 0


def unknown_names(lines: Iterable[EventLine]) -> list[Unknown]:
    """Each name that is not known, with its first line and how many bear it."""
    found: dict[str, Unknown] = {}
    for line in lines:
        if isinstance(line.event, OtherEvent):
            found.setdefault(line.event.event, Unknown(line.event.event, line.line)).count += 1
    return list(found.values())


def complete_lines(lines: Iterable[EventLine], find_item: FindItem) -> list[EventLine]:
    """The lines with what the catalogue knows of their items, as the gateway adds it."""
    return [
        line
        if line.event is None
        else msgspec.structs.replace(line, raw=completed_bytes(line.event, line.raw, find_item))
        for line in lines
    ]


class Sink(Protocol):
    """Where events go; answers with those it refused, raises StreamUnavailable when it is not there."""

    async def send(self, lines: Sequence[EventLine]) -> list[Refused]: ...


class KafkaSink:
    """Keyed by visitor, on the Java client's partition, acknowledged by all replicas."""

    def __init__(self, producer: Any, namespace: str) -> None:
        self._producer, self._topic = producer, EVENTS.full_name(namespace)

    async def send(self, lines: Sequence[EventLine]) -> list[Refused]:
        pairs = [(line.event.visitor.encode(), line.raw) for line in lines if line.event is not None]
        await send_all(self._producer, self._topic, pairs)
        return []


class _Answer(Struct):
    status: str
    reason: str = ""


class _Answers(Struct):
    results: list[_Answer]


class GatewaySink:
    """`POST {url}/v1/events`; what is answered `retry` is sent again, its message_id makes that safe."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    async def send(self, lines: Sequence[EventLine]) -> list[Refused]:
        refused = []
        for part in _requests(lines):
            refused += await self._send_part(part)
        return refused

    async def _send_part(self, lines: Sequence[EventLine]) -> list[Refused]:
        refused: list[Refused] = []
        left = list(lines)
        for attempt in range(TRIES):
            answers = await asyncio.to_thread(self._post, b"[" + b",".join(line.raw for line in left) + b"]")
            if len(answers) != len(left):
                raise StreamUnavailable(f"{self._url}: {len(answers)} answers to {len(left)} events")
            judged = list(zip(left, answers, strict=True))
            refused += [Refused(line.line, a.reason) for line, a in judged if a.status == "rejected"]
            left = [line for line, answer in judged if answer.status == "retry"]
            if not left:
                return refused
            await asyncio.sleep(0.2 * 2**attempt)
        return refused + [Refused(line.line, "the gateway could not write it to Kafka") for line in left]

    def _post(self, body: bytes) -> list[_Answer]:
        raw = ask(self._url, "/v1/events", body, within_s=POST_S)
        try:
            return msgspec.json.decode(raw, type=_Answers).results
        except DECODE_ERRORS as exc:
            raise StreamUnavailable(f"{self._url} answered something that is no gateway's: {exc}") from exc


async def send_events(
    sink: Sink, lines: Iterable[EventLine], *, rate: float | None, progress: Progress
) -> tuple[int, list[Refused]]:
    """Send what can be sent, at `rate` events a second or as fast as it goes; how many, and the others.

    The pace is kept open-loop: when the sink is slow, the next parts are larger.
    """
    sent, refused = 0, []
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for part in _paced(lines, rate, lambda: loop.time() - begun):
        if not part:
            await asyncio.sleep(TICK_S)
            continue
        good = [line for line in part if line.event is not None]
        not_taken = await sink.send(good)
        refused += [Refused(line.line, line.error) for line in part if line.event is None] + not_taken
        sent += len(good) - len(not_taken)
        progress(len(part))
    return sent, refused


def _paced(
    lines: Iterable[EventLine], rate: float | None, elapsed: Callable[[], float]
) -> Iterator[list[EventLine]]:
    """Parts that are due; an empty one while nothing is."""
    part: list[EventLine] = []
    for taken, line in enumerate(lines):
        while rate is not None and taken >= elapsed() * rate:
            yield part
            part = []
        part.append(line)
        if len(part) >= POST_EVENTS_MAX:
            yield part
            part = []
    if part:
        yield part


def _requests(lines: Iterable[EventLine]) -> Iterator[list[EventLine]]:
    """Lines cut so that each request stays within the gateway's limits, order kept."""
    part: list[EventLine] = []
    size, seen = 0, Counter[str]()
    for line in lines:
        visitor = line.event.visitor if line.event is not None else ""
        if part and (size + len(line.raw) > POST_BYTES_MAX or seen[visitor] >= VISITOR_EVENTS_MAX):
            yield part
            part, size, seen = [], 0, Counter()
        part.append(line)
        size += len(line.raw) + 1
        seen[visitor] += 1
    if part:
        yield part
