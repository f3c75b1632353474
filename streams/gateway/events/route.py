"""`POST /v1/events`: events are validated, written keyed by visitor, and each answered with its token."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from models.catalog.enrichment import FindItem
from schemas.topics import EVENTS
from streams.gateway.access.callers import OTHER_VISITOR, Caller, caller_of
from streams.gateway.events.event_log import Log
from streams.gateway.events.event_timings import EventTimings
from streams.gateway.events.partition_map import PartitionMap
from streams.gateway.events.validation import (
    REQUEST_BYTES_MAX,
    EventAnswer,
    ValidEvent,
    slices_of,
    split_events,
    validate_events,
)
from streams.gateway.http.asgi_io import Receive, Scope, Send, encode_headers, read_body, send_bytes
from streams.gateway.http.limits.prices import EVENT, price_of_cutting
from streams.gateway.http.limits.request_limits import RateLimited, RequestLimits
from streams.gateway.http.parameters import refuse_parameters
from streams.kafka.batch_sending import Message
from streams.runtime.clock import Clock
from streams.runtime.telemetry.metrics import Metrics

ROUTE = "/v1/events"
ANSWERED_AT_ONCE = 256
"""Events whose results are made before the loop turns: about half a millisecond."""

RETRY_AFTER = encode_headers({"retry-after": "1"})

_Written = tuple[Message, int | None]
"""A record and its offset; None when it is not, or not surely, written."""


class EventsAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One result for each event, in order. `token` is the last one when all are of one visitor."""

    results: list[EventAnswer]
    token: str | None = None
    tokens: dict[str, str] = {}
    """The last token of each visitor."""


class EventsDependencies(Struct, frozen=True, kw_only=True):
    """What the route needs of its process."""

    log: Log
    partition_map: PartitionMap
    find_item: FindItem
    event_timings: EventTimings
    clock: Clock
    limits: RequestLimits
    metrics: Metrics


class EventsRoute:
    """Answers 200 with a result for each event; what Kafka did not take is answered `retry`."""

    def __init__(self, namespace: str, dependencies: EventsDependencies) -> None:
        self._log, self._partition_map = dependencies.log, dependencies.partition_map
        self._find_item, self._event_timings = dependencies.find_item, dependencies.event_timings
        self._clock, self._metrics = dependencies.clock, dependencies.metrics
        self._limits = dependencies.limits
        self._topic = EVENTS.full_name(namespace)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = self._clock.now()
        refuse_parameters(scope["query_string"])
        validated = await self._validate(scope, await read_body(scope, receive, REQUEST_BYTES_MAX))
        messages = [self._message(event) for event in validated if isinstance(event, ValidEvent)]
        offsets = await self._append(messages)
        answer = await self._answer(validated, zip(messages, offsets, strict=True), received)
        retry = RETRY_AFTER if any(result.status == "retry" for result in answer.results) else ()
        await send_bytes(send, msgspec.json.encode(answer), headers=retry)

    async def _append(self, messages: list[Message]) -> Sequence[int | None]:
        """None for each while nobody knows how many partitions there are: a guess would misplace them."""
        if self._partition_map.incarnation is None:
            return [None] * len(messages)
        return await self._log.append(messages)

    async def _validate(self, scope: Scope, body: bytes) -> list[ValidEvent | EventAnswer]:
        """Each event, valid or its rejection, in order; the loop turns between slices."""
        results: list[ValidEvent | EventAnswer] = []
        caller = caller_of(scope)
        sent = split_events(body, lambda: self._limits.charge(scope, price_of_cutting(len(body))))
        self._limits.charge(scope, EVENT * len(sent))
        for raws in slices_of(sent):
            if results:
                await asyncio.sleep(0)
            events = validate_events(raws, self._find_item)
            checked = [_refuse_others(event, caller) for event in events]
            if refused := sum(after is not before for after, before in zip(checked, events, strict=True)):
                self._metrics.count("access_refused_total", refused, reason="other_visitor")
            results += [self._charge(event, scope) for event in checked]
        return results

    def _charge(self, event: ValidEvent | EventAnswer, scope: Scope) -> ValidEvent | EventAnswer:
        """The event, or `retry` while its visitor sends more than it may."""
        if not isinstance(event, ValidEvent):
            return event
        try:
            self._limits.charge_visitor(scope, EVENT, event.visitor)
        except RateLimited as limited:
            return EventAnswer(status="retry", message_id=event.message_id, reason=limited.detail)
        return event

    def _message(self, event: ValidEvent) -> Message:
        partition = self._partition_map.partition_of(event.visitor)
        return Message(self._topic, partition, event.visitor.encode(), event.value)

    async def _answer(
        self, validated: list[ValidEvent | EventAnswer], written: Iterable[_Written], received: float
    ) -> EventsAnswer:
        """The answer for all; `written` has the record and offset of each valid one, in order."""
        left, accepted = iter(written), self._clock.now()
        tokens: dict[str, str] = {}
        results: list[EventAnswer] = []
        for event in validated:
            if isinstance(event, ValidEvent):
                message, offset = next(left)
                result = self._answer_valid(event, message.partition, offset)
                if offset is not None:
                    self._event_timings.record(event.visitor, offset, received, accepted)
                if result.token is not None:
                    tokens[event.visitor] = result.token
            else:
                result = event
            results.append(result)
            if len(results) % ANSWERED_AT_ONCE == 0:
                await asyncio.sleep(0)
        for status, count in Counter(result.status for result in results).items():
            self._metrics.count("intake_events_total", count, answer=status)
        token = next(iter(tokens.values())) if len(tokens) == 1 else None
        return EventsAnswer(results=results, token=token, tokens=tokens)

    def _answer_valid(self, event: ValidEvent, partition: int, offset: int | None) -> EventAnswer:
        """`accepted` with the token of an event that Kafka took, else `retry`."""
        if offset is None:
            reason = "not, or not surely, written; send it again"
            return EventAnswer(status="retry", message_id=event.message_id, reason=reason)
        token = self._partition_map.token(partition, offset)
        return EventAnswer(status="accepted", message_id=event.message_id, token=token)


def _refuse_others(event: ValidEvent | EventAnswer, caller: Caller) -> ValidEvent | EventAnswer:
    """The event, or its rejection when the caller may not act for every visitor that it names.

    An event with a user and a browser's id links the two: it needs proof of both.
    """
    if not isinstance(event, ValidEvent):
        return event
    for visitor in (event.visitor, event.linked):
        if visitor is not None and not caller.may_act_for(visitor):
            field = "$.user_id" if visitor.startswith("u:") else "$.anonymous_id"
            return EventAnswer(
                status="rejected", message_id=event.message_id, reason=OTHER_VISITOR, field=field
            )
    return event
