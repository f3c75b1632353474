"""How the events of another format become ours: tables of values, and the one function that reads them.

An adapter says how a body is cut into events, which field holds what (`Take`), and which of our events each
name of theirs becomes (`Rule`). Pure: what arrives without a time gets the one that the caller gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from schemas.adapters.conversions import DROPPED, Convert, as_it_is, content_id, find

Json = dict[str, Any]

ITEMS_READ_MAX = 200
"""Entries of a list of products that are read: our own events hold no more."""


class Take(Struct, frozen=True):
    """The first of `paths` (dotted) that is given, converted; what cannot be converted is left out."""

    paths: tuple[str, ...]
    convert: Convert = as_it_is


def take(*paths: str, convert: Convert = as_it_is) -> Take:
    """A field that stands at one of these dotted paths, the first that is given."""
    return Take(paths, convert)


Fields = Mapping[str, Take]
"""Dotted path in our event -> where it is taken from."""


class Items(Struct, frozen=True):
    """Where the products stand, a list of them or the one, and how each becomes an entry of `items[]`."""

    paths: tuple[str, ...]
    fields: Fields


class Rule(Struct, frozen=True):
    """What an event of theirs becomes: an `event` of ours with `fields` and `items`, or nothing (`ignored`
    says why)."""

    event: str = ""
    fields: Fields = {}
    items: Items | None = None
    ignored: str = ""


class Signature(Struct, frozen=True):
    """A webhook's proof of origin: base64 of the HMAC-SHA256 of the body, in this header (lower case)."""

    header: str
    topic_header: str


class Adapter(Struct, frozen=True, kw_only=True):
    """One format.

    Attributes:
        name: As in `/v1/adapters/<name>` and `--format <name>`.
        title: Whose format it is, for people.
        split: Cuts a decoded body into events; ValueError with one line that says what was expected.
        name_of: The name that `rules` knows an event by.
        envelope: What every event takes, whatever its name.
        rules: By their name.
        fallback: For a name without a rule; None: our event of that name, which changes no feature.
        signature: How a webhook of it is proven; None: the caller's key is enough.
    """

    name: str
    title: str
    split: Callable[[Any], list[Any]]
    name_of: Callable[[Json], str]
    envelope: Fields
    rules: Mapping[str, Rule]
    fallback: Rule | None = None
    signature: Signature | None = None


class Ignored(Struct, frozen=True):
    """An event that is none of ours, and why; `message_id` is its own, where it has one."""

    reason: str
    message_id: str | None = None


def convert(adapter: Adapter, event: Any, arrived: datetime) -> Json | Ignored:
    """One event of the other format as one of ours, not yet validated. O(size of the event).

    An event without an id gets one made of its content and time, so that it counts once when it is sent
    again. One without a time, too, cannot be told from another of the same content: it counts each time.

    Args:
        adapter: The format's tables.
        event: What `adapter.split` gave, decoded JSON.
        arrived: The time of an event that tells none.

    Returns:
        Our event as JSON would hold it; Ignored for one that is none of ours.
    """
    if not isinstance(event, dict):
        return Ignored(f"an event is an object, not {type(event).__name__}")
    name = adapter.name_of(event)
    rule = adapter.rules.get(name, adapter.fallback)
    ours: Json = {}
    _fill(ours, adapter.envelope, event)
    if rule is not None and rule.ignored:
        return Ignored(rule.ignored, ours.get("message_id"))
    ours["event"] = name if rule is None else rule.event
    if rule is not None:
        _fill(ours, rule.fields, event)
        if rule.items is not None and (items := _items(rule.items, event)):
            ours.setdefault("properties", {})["items"] = items
    at = ours.setdefault("timestamp", arrived.isoformat())
    if "message_id" not in ours:
        ours["message_id"] = content_id(adapter.name, event, at)
    return ours


def _fill(ours: Json, fields: Fields, theirs: Any) -> None:
    for path, taken in fields.items():
        value = _first(taken, theirs)
        if value is not DROPPED:
            _put(ours, path, value)


def _first(taken: Take, theirs: Any) -> Any:
    """The converted value of the first path that is given; DROPPED when none is, or it does not fit."""
    for path in taken.paths:
        value = find(theirs, path)
        if value is not None and value != "":
            return taken.convert(value)
    return DROPPED


def _put(ours: Json, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        ours = ours.setdefault(parent, {})
    ours[last] = value


def _items(items: Items, event: Json) -> list[Json]:
    found = next((value for path in items.paths if (value := find(event, path)) is not None), None)
    listed = found if isinstance(found, list) else [found]
    entries: list[Json] = []
    for theirs in listed[:ITEMS_READ_MAX]:
        entry: Json = {}
        _fill(entry, items.fields, theirs)
        if "item_id" in entry:
            entries.append(entry)
    return entries
