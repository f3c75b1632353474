"""`POST /v1/events`: events are validated, written keyed by visitor, and each answered with its token."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Raw, Struct

from models.catalog.enrichment import FindItem
from schemas.intake.notes import Note
from schemas.sources import SOURCE_HEADER
from schemas.topics import EVENTS
from streams.gateway.access.callers import OTHER_VISITOR, Caller, caller_of
from streams.gateway.events.event_log import Log
from streams.gateway.events.event_timings import EventTimings
from streams.gateway.events.intake.validation import (
    REQUEST_BYTES_MAX,
    EventAnswer,
    ValidEvent,
    slices_of,
    split_events,
    validate_events,
)
from streams.gateway.events.partition_map import PartitionMap
from streams.gateway.http.asgi_io import Receive, Scope, Send, encode_headers, header, read_body, send_bytes
from streams.gateway.http.limits.prices import price_of_cutting, price_of_event, price_of_splitting
from streams.gateway.http.limits.request_limits import RateLimited, RequestLimits
from streams.gateway.http.parameters import refuse_parameters
from streams.gateway.http.requests.bots import is_bot
from streams.gateway.http.requests.encodings import check_json_type
from streams.gateway.http.requests.machines import names_machine
from streams.kafka.batch_sending import Message
from streams.runtime.clock import Clock
from streams.runtime.telemetry.metrics import Metrics

ROUTE = "/v1/events"
ANSWERED_AT_ONCE = 256
"""Events whose results are made before the loop turns: about half a millisecond."""

REQUEST_NOTES_MAX = 1_000
"""Shown of all events of a request; the metric counts every one."""

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
        self.limits = dependencies.limits
        self._topic = EVENTS.full_name(namespace)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = self._clock.now()
        refuse_parameters(scope["query_string"])
        check_json_type(header(scope, b"content-type"))
        body = await read_body(scope, receive, REQUEST_BYTES_MAX)
        self.limits.charge(scope, price_of_splitting(body))
        sent = split_events(body, lambda: self.limits.charge(scope, price_of_cutting(len(body))))
        await self.take(scope, send, sent, received)

    async def take(
        self, scope: Scope, send: Send, sent: Sequence[Raw | EventAnswer], received: float
    ) -> None:
        """Validate and write the events of a request, and answer each; what is answered already stays so.

        Args:
            scope: of the request, which pays for its events here.
            send: answers it.
            sent: events as JSON, and answers to those that are none, in order.
            received: when the request came (epoch s).
        """
        raws = [raw for raw in sent if isinstance(raw, Raw)]
        self.limits.charge(scope, sum(map(_price_of, raws)))
        checked = iter(await self._validate(scope, raws))
        validated = [next(checked) if isinstance(one, Raw) else one for one in sent]
        headers = self._headers(scope)
        messages = [self._message(event, headers) for event in validated if isinstance(event, ValidEvent)]
        offsets = await self._append(messages)
        answer = await self._answer(validated, zip(messages, offsets, strict=True), received)
        retry = RETRY_AFTER if any(result.status == "retry" for result in answer.results) else ()
        await send_bytes(send, msgspec.json.encode(answer), headers=retry)

    async def _append(self, messages: list[Message]) -> Sequence[int | None]:
        """None for each while nobody knows how many partitions there are: a guess would misplace them."""
        if self._partition_map.incarnation is None:
            return [None] * len(messages)
        return await self._log.append(messages)

    async def _validate(self, scope: Scope, raws: Sequence[Raw]) -> list[ValidEvent | EventAnswer]:
        """Each event, valid or its rejection, in order; the loop turns between slices."""
        results: list[ValidEvent | EventAnswer] = []
        caller = caller_of(scope)
        machine = caller.may_be_browser and names_machine(scope)
        for slice_ in slices_of(raws):
            if results:
                await asyncio.sleep(0)
            events = validate_events(slice_, self._find_item)
            checked = [_refuse_others(event, caller) for event in events]
            if refused := sum(after is not before for after, before in zip(checked, events, strict=True)):
                self._metrics.count("access_refused_total", refused, reason="other_visitor")
            results += [
                self._charge(self._ignore_machine(event, machine), scope, _price_of(raw))
                for event, raw in zip(checked, slice_, strict=True)
            ]
        return results

    def _ignore_machine(self, event: ValidEvent | EventAnswer, machine: bool) -> ValidEvent | EventAnswer:
        """The event, or `ignored` when no person caused it, by its agent or by what its visitor does."""
        if not isinstance(event, ValidEvent):
            return event
        by = "agent"
        if not (machine or (event.agent is not None and is_bot(event.agent.encode("latin-1", "replace")))):
            if not self.limits.count_event(event.visitor, event.minute):
                return event
            by = "rate"
        self._metrics.count("machine_events_total", by=by)
        return EventAnswer(status="ignored", message_id=event.message_id, reason="bot")

    def _charge(
        self, event: ValidEvent | EventAnswer, scope: Scope, price: float
    ) -> ValidEvent | EventAnswer:
        """The event, or `retry` while its visitor sends more than it may."""
        if not isinstance(event, ValidEvent):
            return event
        try:
            self.limits.charge_visitor(scope, price, event.visitor)
        except RateLimited as limited:
            return EventAnswer(status="retry", message_id=event.message_id, reason=limited.detail)
        return event

    def _headers(self, scope: Scope) -> list[tuple[str, bytes]]:
        """Of the request's records: where they come from, if that is known and means one client."""
        source = caller_of(scope).source_of(self.limits.address_of(scope))
        return [(SOURCE_HEADER, source)] if source else []

    def _message(self, event: ValidEvent, headers: list[tuple[str, bytes]]) -> Message:
        partition = self._partition_map.partition_of(event.visitor)
        return Message(self._topic, partition, event.visitor.encode(), event.value, headers)

    async def _answer(
        self, validated: list[ValidEvent | EventAnswer], written: Iterable[_Written], received: float
    ) -> EventsAnswer:
        """The answer for all; `written` has the record and offset of each valid one, in order."""
        left, accepted = iter(written), self._clock.now()
        notes_left = REQUEST_NOTES_MAX
        tokens: dict[str, str] = {}
        results: list[EventAnswer] = []
        for event in validated:
            if isinstance(event, ValidEvent):
                message, offset = next(left)
                shown = event.notes[:notes_left]
                notes_left -= len(shown)
                result = self._answer_valid(event, message.partition, offset, shown)
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

    def _answer_valid(
        self, event: ValidEvent, partition: int, offset: int | None, notes: Sequence[Note]
    ) -> EventAnswer:
        """`accepted` with the token of an event that Kafka took, else `retry`."""
        if offset is None:
            reason = "not, or not surely, written; send it again"
            return EventAnswer(status="retry", message_id=event.message_id, reason=reason)
        token = self._partition_map.token(partition, offset)
        for (field, done), count in event.counts.items():
            self._metrics.count("intake_notes_total", count, field=field, done=done)
        return EventAnswer(status="accepted", message_id=event.message_id, token=token, notes=notes)


def _price_of(raw: Raw) -> float:
    return price_of_event(len(memoryview(raw)))


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
