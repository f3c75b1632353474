"""How the bodies of each format are cut into events."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

Json = dict[str, Any]


def one_or_many(body: Any) -> list[Any]:
    """An event, a list of them, or `{"batch": […]}` whose other fields hold for each event without them.

    ValueError for anything else.
    """
    if isinstance(body, list):
        return body
    if not isinstance(body, dict):
        raise ValueError(f"expected an event, a list or a batch of them, got {type(body).__name__}")
    batch = body.get("batch")
    if batch is None:
        return [body]
    if not isinstance(batch, list):
        raise ValueError(f"`batch` is a list of events, not {type(batch).__name__}")
    shared = {name: value for name, value in body.items() if name != "batch"}
    return [shared | event if isinstance(event, dict) else event for event in batch]


def with_shared_fields(body: Any) -> list[Any]:
    """Of `{"events": […], …}`: each event, with the rest of the body as its field `body`.

    ValueError for anything else.
    """
    if isinstance(body, list):
        return [event for each in body for event in with_shared_fields(each)]
    events = body.get("events") if isinstance(body, dict) else None
    if not isinstance(events, list):
        raise ValueError("expected an object with a list `events`")
    shared = {name: value for name, value in body.items() if name != "events"}
    return [event | {"body": shared} if isinstance(event, dict) else event for event in events]


def data_layer(body: Any) -> list[Any]:
    """Pushes of a data layer, `{"dataLayer": […], "client_id": …}`, each with what was pushed before it.

    A push without `event` only sets values for those after it. Calls of `gtag` are pushes too, as lists or
    as the objects that `arguments` becomes in JSON: `event`, `set` and `consent` are read, others set
    nothing. ValueError for anything else.
    """
    pushes = body.get("dataLayer") if isinstance(body, dict) else None
    if not isinstance(pushes, list):
        raise ValueError("expected an object with a list `dataLayer`")
    shared = {name: value for name, value in body.items() if name != "dataLayer"}
    values: Json = {}
    events: list[Any] = []
    for push in pushes:
        event = _event_of_push(push, values)
        if event is not None:
            events.append({**values, **event, "body": shared} if isinstance(event, dict) else event)
    return events


def _event_of_push(push: Any, values: Json) -> Any:
    """The event of one push; None for one that sets `values` alone."""
    if isinstance(push, dict) and "0" in push:  # `arguments`, as JSON writes it
        push = [push[key] for key in ("0", "1", "2") if key in push]
    if isinstance(push, list):
        return _event_of_call(push, values)
    if not isinstance(push, dict):
        return push
    if "event" in push:
        return push
    values.update(push)
    return None


def _event_of_call(call: list[Any], values: Json) -> Json | None:
    """What a call of gtag means: `event name parameters`, `set values`, `consent kind purposes`."""
    match call:
        case ["event", str(name), *rest]:
            parameters = rest[0] if rest and isinstance(rest[0], dict) else {}
            return {"event": name, **parameters}
        case ["set", dict(given)]:
            values.update(given)
        case ["consent", "update" | "default", dict(purposes)]:
            return {"event": "consent", "purposes": purposes}
    return None


def export_rows(body: Any) -> list[Any]:
    """Rows of the export, each with its parameters as `params`: names with the one value that is given.

    ValueError for what is no row or list of rows.
    """
    rows = body if isinstance(body, list) else [body]
    return [row | {"params": _parameters(row)} if isinstance(row, dict) else row for row in rows]


def _parameters(row: Json) -> Json:
    listed = row.get("event_params")
    values: Json = {}
    for parameter in listed if isinstance(listed, list) else []:
        if isinstance(parameter, dict) and isinstance(value := parameter.get("value"), dict):
            given = [each for each in value.values() if each is not None]
            if given:
                values[str(parameter.get("key"))] = given[0]
    return values


def webhooks(body: Any) -> list[Any]:
    """Deliveries, each `{"topic": …, "payload": {…}}`; the gateway takes the topic from its header.

    ValueError for what is no delivery or list of them.
    """
    deliveries = body if isinstance(body, list) else [body]
    for one in deliveries:
        fits = isinstance(one, dict) and isinstance(one.get("payload"), dict)
        if not fits or not isinstance(one.get("topic"), str):
            raise ValueError('expected {"topic": …, "payload": {…}}')
    return deliveries


def with_refunds(topics: Container[str]) -> Callable[[Any], list[Any]]:
    """Cuts deliveries so that each refund of an order is one more event, with the order beside it.

    `topics` are those whose payload is an order.
    """

    def split(body: Any) -> list[Any]:
        events: list[Any] = []
        for delivery in webhooks(body):
            events.append(delivery)
            order = delivery["payload"]
            refunds = order.get("refunds") if delivery["topic"] in topics else None
            listed = refunds if isinstance(refunds, list) else []
            events.extend({"topic": "refund", "payload": order, "refund": refund} for refund in listed)
        return events

    return split
