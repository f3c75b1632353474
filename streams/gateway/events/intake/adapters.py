"""`POST /v1/adapters/<name>`: events in the format of another tool, answered one by one as ours are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw

from schemas.adapters.all_adapters import ADAPTERS
from schemas.adapters.mapping import Adapter, Ignored, Signature, convert
from schemas.codec import DECODE_ERRORS, encode
from streams.gateway.access.callers import CALLER, Caller, caller_of
from streams.gateway.events.intake.nesting import decode_cut
from streams.gateway.events.intake.route import ROUTE as EVENTS
from streams.gateway.events.intake.route import EventsRoute
from streams.gateway.events.intake.validation import (
    REQUEST_BYTES_MAX,
    REQUEST_EVENTS_MAX,
    VALIDATED_AT_ONCE,
    EventAnswer,
    check_commas,
)
from streams.gateway.events.intake.webhooks import WebhookSecrets
from streams.gateway.http.asgi_io import Receive, Scope, Send, header, read_body
from streams.gateway.http.limits.prices import EVENT, price_of_cutting, price_of_splitting
from streams.gateway.http.parameters import refuse_parameters
from streams.gateway.http.problems import Problem
from streams.runtime.clock import Clock
from streams.runtime.settings import Settings

ROUTE = "/v1/adapters/{name}"


class AdapterRoute:
    """Turns each event into one of ours and hands it to the events' route; none of ours is `ignored`.

    Args:
        events: validates, writes and answers.
        settings: name the file of the secrets of webhooks, which come without an API key.
        clock: when events arrive that tell no time.
    """

    def __init__(self, events: EventsRoute, settings: Settings, clock: Clock) -> None:
        self._events, self._clock = events, clock
        self._secrets = WebhookSecrets(settings.webhook_secrets_file)

    async def post(self, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        received = self._clock.now()
        adapter = ADAPTERS.get(name)
        signature = None if adapter is None else adapter.signature
        signed = signature is not None and header(scope, signature.header.encode())
        if not signed:
            caller_of(scope).check(EVENTS, "POST")
        if adapter is None:
            raise Problem(404, f"there is no adapter {name[:40]!r}: {', '.join(ADAPTERS)}")
        refuse_parameters(scope["query_string"])
        body = await read_body(scope, receive, REQUEST_BYTES_MAX)
        if signature is not None and signed:
            await self._secrets.check(scope, name, signature, body)
            scope[CALLER] = Caller(frozenset({"server"}))  # the shop system's, which speaks for all customers
        check_commas(body)
        self._events.limits.charge(scope, price_of_splitting(body))
        events = self._split(adapter, body, scope)
        self._events.limits.charge(scope, EVENT * len(events))
        await self._events.take(scope, send, await self._convert(adapter, events), received)

    def _split(self, adapter: Adapter, body: bytes, scope: Scope) -> list[Any]:
        """The events of a body, in their own format; raises Problem for what is none, or too many."""

        def charge() -> None:
            self._events.limits.charge(scope, price_of_cutting(len(body)))

        try:
            decoded = decode_cut(msgspec.json.decode, body, charge)
            if adapter.signature is not None:
                decoded = _with_topic(decoded, scope, adapter.signature)
            events = adapter.split(decoded)
        except DECODE_ERRORS as exc:
            raise Problem(400, f"not a body of {adapter.title}: {exc}", field="$") from exc
        if len(events) > REQUEST_EVENTS_MAX:
            raise Problem(413, f"{len(events)} events, the limit is {REQUEST_EVENTS_MAX} a request")
        return events

    async def _convert(self, adapter: Adapter, events: Sequence[Any]) -> list[Raw | EventAnswer]:
        """Each event as one of ours, or why it is none; the loop turns between slices."""
        arrived = datetime.fromtimestamp(self._clock.now(), UTC)
        results: list[Raw | EventAnswer] = []
        for event in events:
            ours = convert(adapter, event, arrived)
            if isinstance(ours, Ignored):
                ignored = EventAnswer(status="ignored", message_id=ours.message_id, reason=ours.reason)
                results.append(ignored)
            else:
                results.append(Raw(encode(ours)))
            if len(results) % VALIDATED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return results


def _with_topic(body: Any, scope: Scope, signature: Signature) -> Any:
    """A webhook's body beside the topic that its header names, as adapters of webhooks read them."""
    topic = header(scope, signature.topic_header.encode())
    return {"topic": topic.decode("latin-1"), "payload": body} if topic else body
