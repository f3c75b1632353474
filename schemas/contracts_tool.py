"""Writes `contracts/<topic>/v1/schema.json` from the types: `python -m schemas.contracts_tool`.

The types are the source; the files are for readers in other languages, and a test fails when they are stale.
"""

from __future__ import annotations

import json
import sys
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from schemas.events import EVENT_NAMES, OtherEvent
from schemas.topics import EVENTS, TOPICS, Topic

CONTRACTS = Path(__file__).parent / "contracts"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def folder(topic: Topic) -> Path:
    """Return the folder of a topic's contract: `contracts/events/v1` for `events.v1`."""
    name, version = topic.name.rsplit(".", 1)
    return CONTRACTS / name / version


def schema_of(topic: Topic) -> dict[str, Any]:
    """Return the JSON Schema of the topic's values."""
    schema = _events_schema() if topic is EVENTS else msgspec.json.schema(topic.payload)
    headers = [f"Header {name}: {what}" for name, what in topic.headers.items()]
    description = ". ".join([f"Owner: {topic.owner}", *headers])
    about = {"$schema": DIALECT, "title": topic.name, "description": description}
    clean: dict[str, Any] = _clean(about | schema)
    return clean


def _clean(part: Any) -> Any:
    """Remove the indentation of docstrings from descriptions, which Python keeps up to 3.12."""
    if isinstance(part, list):
        return [_clean(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: cleandoc(each) if name == "description" and isinstance(each, str) else _clean(each)
        for name, each in part.items()
    }


def _events_schema() -> dict[str, Any]:
    """Add what the types cannot express: unknown event names, and that one of _ID_FIELDS is required."""
    (known, other), parts = msgspec.json.schema_components(
        [EVENTS.payload, OtherEvent], ref_template="#/$defs/{name}"
    )
    unknown_name = {"properties": {"event": {"not": {"enum": list(EVENT_NAMES)}}}}
    somebody = [{"required": [name], "properties": {name: {"type": "string"}}} for name in _ID_FIELDS]
    return {
        "allOf": [{"anyOf": [known, {"allOf": [other, unknown_name]}]}, {"anyOf": somebody}],
        "$defs": parts,
    }


_ID_FIELDS = ("user_id", "anonymous_id")


def text_of(topic: Topic) -> str:
    """Return the content of the topic's schema.json."""
    return json.dumps(schema_of(topic), indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write the schema of every topic, and print its path."""
    for topic in TOPICS:
        path = folder(topic) / "schema.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(topic), encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(CONTRACTS.parent)}\n")


if __name__ == "__main__":
    main()
