"""A topic is a value with an owner, a schema and examples; every example is a test."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import get_args

import msgspec
import pytest
from jsonschema import Draft202012Validator

from schemas.codec import decode_event
from schemas.contracts_tool import CONTRACTS, files_of, folder, schema_of
from schemas.errors import InvalidEvent
from schemas.events import EVENT_NAMES, OtherEvent
from schemas.storefront import PageType, RuleAction
from schemas.topics import EVENTS, TOPICS, Topic
from tests.contracts.files import Refused, all_files
from tests.random_events import MIX, random_event

examples = pytest.mark.parametrize(
    ("topic", "path"), all_files("examples"), ids=lambda value: getattr(value, "stem", None) or value.name
)
refusals = pytest.mark.parametrize(
    ("topic", "path"), all_files("refused"), ids=lambda value: getattr(value, "stem", None) or value.name
)
every_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def decode(topic: Topic, raw: bytes) -> object:
    return decode_event(raw) if topic is EVENTS else msgspec.json.decode(raw, type=topic.payload)


@every_topic
def test_every_topic_has_an_owner_and_a_contract(topic: Topic) -> None:
    assert topic.owner.strip()
    assert (folder(topic) / "schema.json").is_file()
    assert list((folder(topic) / "examples").glob("*.json")), f"{topic.name} has no example"
    assert list((folder(topic) / "refused").glob("*.json")), f"{topic.name} has nothing refused"


def test_no_contract_stands_without_its_topic() -> None:
    owned = {folder(topic) for topic in TOPICS}
    assert {path.parent for path in CONTRACTS.glob("*/*/schema.json")} == owned


@every_topic
def test_schema_files_are_fresh(topic: Topic) -> None:
    for path, text in files_of(topic).items():
        assert path.read_text(encoding="utf-8") == text, "stale: run `python -m schemas.contracts_tool`"


@every_topic
def test_schemas_are_themselves_valid(topic: Topic) -> None:
    Draft202012Validator.check_schema(schema_of(topic))


@examples
def test_every_example_decodes_and_validates(topic: Topic, path: Path) -> None:
    raw = path.read_bytes()
    assert decode(topic, raw) is not None
    Draft202012Validator(schema_of(topic)).validate(json.loads(raw))


@examples
def test_every_example_survives_its_own_encoding(topic: Topic, path: Path) -> None:
    value = decode(topic, path.read_bytes())
    assert decode(topic, msgspec.json.encode(value)) == value


def test_every_event_name_has_an_example() -> None:
    shown = {
        json.loads(path.read_bytes())["event"] for topic, path in all_files("examples") if topic is EVENTS
    }
    assert set(EVENT_NAMES) <= shown
    assert any(name not in EVENT_NAMES for name in shown), "an unknown name is an example too"


def test_what_the_fault_run_sends_are_all_names_that_we_know() -> None:
    sent = [decode_event(random_event(Random(1), "a:ann", 0, name=name)) for name in MIX]
    assert {event.visitor for event in sent} == {"a:ann"}
    assert set(MIX) == {*EVENT_NAMES, "wheel_spun"}


def test_every_page_and_every_rule_action_has_an_example() -> None:
    paths = [path for topic, path in all_files("examples") if topic.name == "storefront.v1"]
    sections = [json.loads(path.read_bytes()) for path in paths]
    assert {section["section"] for section in sections} == {"page", "module", "rule"}
    assert {one["page"] for one in sections if one["section"] == "page"} == set(get_args(PageType))
    assert {one["action"] for one in sections if one["section"] == "rule"} == set(get_args(RuleAction))


@refusals
def test_every_refused_record_is_refused_for_its_reason(topic: Topic, path: Path) -> None:
    refused = msgspec.json.decode(path.read_bytes(), type=Refused)
    if topic is EVENTS:
        with pytest.raises(InvalidEvent) as caught:
            decode_event(refused.record)
        assert caught.value.reason == refused.reason
    else:
        with pytest.raises(msgspec.MsgspecError) as caught:  # type: ignore[assignment]
            decode(topic, refused.record or b"")
    assert refused.says in str(caught.value)


# What a JSON Schema cannot say: whether a date exists, and whether its time has a zone.
BEYOND_SCHEMA = frozenset({"naive-timestamp", "naive-created-at", "timestamp-does-not-exist"})


@refusals
def test_the_schema_refuses_what_the_types_refuse(topic: Topic, path: Path) -> None:
    """So a producer in another language can trust the file."""
    refused = msgspec.json.decode(path.read_bytes(), type=Refused)
    if refused.value is None or path.stem in BEYOND_SCHEMA:
        return
    assert not Draft202012Validator(schema_of(topic)).is_valid(refused.value)


def test_an_unknown_name_is_accepted_as_other() -> None:
    example = folder(EVENTS) / "examples" / "other-wheel_spun.json"
    event = decode_event(example.read_bytes())
    assert isinstance(event, OtherEvent)
    assert event.event == "wheel_spun"
