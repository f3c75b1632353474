"""Writes `contracts/<topic>/v1/schema.json` from the types: `python -m schemas.contracts_tool`.

Beside that of events, which says what they are, `taken.json` says what is taken as one. The types are the
source; the files are for readers in other languages, and a test fails when they are stale.
"""

from __future__ import annotations

import json
import sys
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from schemas.events import EVENT_NAMES, OtherEvent
from schemas.intake.taken_schema import taken_schema
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
    """Add what the types cannot express: unknown event names, and that one of _ID_FIELDS is required.

    Names that we do not know may stand in an event: readers skip them, so that newer writers may add some.
    """
    (known, other), parts = msgspec.json.schema_components(
        [EVENTS.payload, OtherEvent], ref_template="#/$defs/{name}"
    )
    for part in parts.values():
        if part.get("additionalProperties") is False:
            del part["additionalProperties"]
    unknown_name = {"properties": {"event": {"not": {"enum": list(EVENT_NAMES)}}}}
    somebody = [{"required": [name], "properties": {name: {"type": "string"}}} for name in _ID_FIELDS]
    return {
        "allOf": [{"anyOf": [known, {"allOf": [other, unknown_name]}]}, {"anyOf": somebody}],
        "$defs": parts,
    }


_ID_FIELDS = ("user_id", "anonymous_id")


def files_of(topic: Topic) -> dict[Path, str]:
    """Return the schema files of the topic's contract with their content."""
    schemas = {folder(topic) / "schema.json": schema_of(topic)}
    if topic is EVENTS:
        about = {"$schema": DIALECT, "title": f"{topic.name}, as taken"}
        schemas[folder(topic) / "taken.json"] = about | taken_schema()
    return {path: json.dumps(schema, indent=1, sort_keys=True) + "\n" for path, schema in schemas.items()}


def main() -> None:
    """Write the schemas of every topic, and print their paths."""
    for topic in TOPICS:
        for path, text in files_of(topic).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(CONTRACTS.parent)}\n")


if __name__ == "__main__":
    main()
