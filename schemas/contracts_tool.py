"""Writes `contracts/<topic>/v1/schema.json` from the types: `python -m schemas.contracts_tool`.

The types decide; the files are for readers in other languages, and a test says when they are stale.
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
    """`events.v1` lives in `contracts/events/v1`."""
    name, version = topic.name.rsplit(".", 1)
    return CONTRACTS / name / version


def schema_of(topic: Topic) -> dict[str, Any]:
    """The JSON Schema of the topic's values."""
    schema = _events_schema() if topic is EVENTS else msgspec.json.schema(topic.payload)
    about = {"$schema": DIALECT, "title": topic.name, "description": f"Owner: {topic.owner}"}
    clean: dict[str, Any] = _clean(about | schema)
    return clean


def _clean(part: Any) -> Any:
    """Descriptions without the indentation of their docstrings, which Python keeps up to 3.12."""
    if isinstance(part, list):
        return [_clean(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: cleandoc(each) if name == "description" and isinstance(each, str) else _clean(each)
        for name, each in part.items()
    }


def _events_schema() -> dict[str, Any]:
    """The union, names we do not know beside it, and an id of the visitor, which types cannot say."""
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
    return json.dumps(schema_of(topic), indent=1, sort_keys=True) + "\n"


def main() -> None:
    for topic in TOPICS:
        path = folder(topic) / "schema.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(topic), encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(CONTRACTS.parent)}\n")


if __name__ == "__main__":
    main()
