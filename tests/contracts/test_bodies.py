"""Request bodies as tags send them: every event in them is accepted. An adapter starts with a body here."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.codec import decode_event
from schemas.events import OtherEvent
from streams.gateway.events.intake.validation import EventAnswer, split_events, validate_events

UNKNOWN = {"wheel_spun"}
"""Names that nobody knows, sent on purpose; any other is one that an adapter must translate."""
BODIES = sorted((Path(__file__).parent / "bodies").glob("*.json"))


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_every_event_of_the_body_is_accepted(path: Path) -> None:
    raws = split_events(path.read_bytes())
    answers = validate_events(raws, lambda item: None)
    rejected = [answer for answer in answers if isinstance(answer, EventAnswer)]
    assert answers
    assert rejected == []


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_what_is_written_decodes(path: Path) -> None:
    for answer in validate_events(split_events(path.read_bytes()), lambda item: None):
        assert not isinstance(answer, EventAnswer)
        event = decode_event(answer.value)
        assert event.visitor == answer.visitor
        assert not isinstance(event, OtherEvent) or event.event in UNKNOWN, "would change nothing"
