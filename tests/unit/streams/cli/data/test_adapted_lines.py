"""Files of other formats are read line by line, or whole; nothing in them is lost without a word."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from schemas.adapters.all_adapters import ADAPTERS
from schemas.adapters.mapping import Ignored
from streams.cli.data.adapted_lines import adapt_lines
from streams.shop.document_parsing import EventLine

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LOGIN = {"type": "track", "event": "Signed In", "anonymousId": "b3f1", "timestamp": "2026-11-24T15:00:00Z"}


def read(raw: str, name: str = "segment") -> list[EventLine | tuple[int, Ignored]]:
    return list(adapt_lines(raw.encode(), ADAPTERS[name], NOW))


@pytest.mark.parametrize("indent", [None, 1])
def test_a_document_is_read_whole(indent: int | None) -> None:
    read_lines = read(json.dumps({"batch": [LOGIN, LOGIN | {"userId": "u-1"}]}, indent=indent))
    assert [line.event.visitor for line in read_lines if isinstance(line, EventLine) and line.event] == [
        "a:b3f1",
        "u:u-1",
    ]


def test_a_line_is_a_body_and_what_is_wrong_is_told_with_it() -> None:
    bad, group, nobody = "{", json.dumps({"type": "group", "messageId": "g"}), json.dumps({"type": "track"})
    lines = read("\n".join([json.dumps(LOGIN), "", bad, group, nobody]))
    assert [one[0] if isinstance(one, tuple) else one.line for one in lines] == [1, 3, 4, 5]
    events = [one for one in lines if isinstance(one, EventLine)]
    assert [bool(one.event) for one in events] == [True, False, False]
    assert "not a body of Segment" in events[1].error
    assert events[2].error
    assert [one[1].reason for one in lines if isinstance(one, tuple)] == ["a group is not a shopper"]
