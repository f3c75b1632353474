"""`POST /v1/events`: judged one by one, written keyed by visitor, each answered with its token."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
from msgspec import Struct

from schemas.ids import VisitorId
from schemas.topics import EVENTS
from streams.gateway.events.click_trace import ClickTraces
from streams.gateway.events.partitions import PartitionMap
from streams.gateway.events.producer import Log
from streams.gateway.events.validation import (
    REQUEST_BYTES_MAX,
    Accepted,
    EventAnswer,
    FindItem,
    cut_events,
    judge,
)
from streams.gateway.http.asgi import Receive, Scope, Send, encode_headers, read_body, send_bytes
from streams.gateway.http.auth import caller_of
from streams.gateway.http.parameters import refuse_parameters
from streams.kafka.batching import Message
from streams.runtime.clock import Clock
from streams.runtime.telemetry.metrics import Metrics

ROUTE = "/v1/events"
AT_ONCE = 64
"""Events judged without letting the loop turn: about half a millisecond."""


class EventsAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One result for each event, in order. `token` is the last one when all are of one visitor."""

    results: list[EventAnswer]
    token: str | None = None
    tokens: dict[str, str] = {}
    """The last token of each visitor."""


class IntakeParts(Struct, frozen=True, kw_only=True):
    """What the intake needs of its process."""

    log: Log
    places: PartitionMap
    find_item: FindItem
    traces: ClickTraces
    clock: Clock
    metrics: Metrics


class Events:
    """The public intake."""

    def __init__(self, namespace: str, parts: IntakeParts) -> None:
        self._parts = parts
        self._topic = EVENTS.full_name(namespace)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = self._parts.clock.now()
        refuse_parameters(scope["query_string"])
        judged = await self._judge(scope, await read_body(scope, receive, REQUEST_BYTES_MAX))
        accepted = [one for one in judged if isinstance(one, Accepted)]
        messages = [self._message(one) for one in accepted]
        offsets = await self._append(messages)
        written = [
            self._written(one, message.partition, offset, received)
            for one, message, offset in zip(accepted, messages, offsets, strict=True)
        ]
        answer = self._answer(judged, written)
        retry = {"retry-after": "1"} if None in offsets else {}
        await send_bytes(send, msgspec.json.encode(answer), more=encode_headers(retry))

    async def _append(self, messages: list[Message]) -> list[int | None]:
        """None for each while nobody knows how many partitions there are: a guess would misplace them."""
        if self._parts.places.incarnation is None:
            return [None] * len(messages)
        return list(await self._parts.log.append(messages))

    async def _judge(self, scope: Scope, body: bytes) -> list[Accepted | EventAnswer]:
        raws, seen = cut_events(body), Counter[VisitorId]()
        judged: list[Accepted | EventAnswer] = []
        caller = caller_of(scope)
        for start in range(0, len(raws), AT_ONCE):
            for one in judge(raws[start : start + AT_ONCE], self._parts.find_item, seen):
                if isinstance(one, Accepted) and not caller.may_read(one.visitor):
                    one = _forbidden(one)
                judged.append(one)
            await asyncio.sleep(0)
        return judged

    def _message(self, one: Accepted) -> Message:
        return Message(
            self._topic, self._parts.places.partition(one.visitor), one.visitor.encode(), one.value
        )

    def _answer(self, judged: list[Accepted | EventAnswer], written: list[EventAnswer]) -> EventsAnswer:
        left = iter(written)
        tokens: dict[str, str] = {}
        results = []
        for one in judged:
            result = next(left) if isinstance(one, Accepted) else one
            if isinstance(one, Accepted) and result.token is not None:
                tokens[one.visitor] = result.token
            self._parts.metrics.count("intake_events_total", answer=result.status)
            results.append(result)
        token = next(iter(tokens.values())) if len(tokens) == 1 else None
        return EventsAnswer(results=results, token=token, tokens=tokens)

    def _written(self, one: Accepted, partition: int, offset: int | None, received: float) -> EventAnswer:
        if offset is None:
            return EventAnswer(
                status="retry", message_id=one.message_id, reason="not, or not surely, written; send it again"
            )
        self._parts.traces.note(one.visitor, offset, received, self._parts.clock.now())
        token = self._parts.places.token(partition, offset)
        return EventAnswer(status="accepted", message_id=one.message_id, token=token)


def _forbidden(one: Accepted) -> EventAnswer:
    return EventAnswer(
        status="rejected",
        message_id=one.message_id,
        reason="this caller may not write for this visitor",
        field="$.user_id",
    )
