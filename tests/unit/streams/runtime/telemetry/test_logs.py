"""Logs: JSON lines, quiet libraries, nobody's identity."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from streams.runtime.telemetry import logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where log lines go during the test; the test runner's own handlers come back after it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    root.handlers = []
    logs.configure(level="info", out=out)
    yield out
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def read(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_one_json_object(lines: io.StringIO) -> None:
    logs.logger("worker").info("ready", partitions=3)
    (line,) = read(lines)
    assert line["message"] == "ready"
    assert (line["logger"], line["level"], line["partitions"]) == ("worker", "info", 3)
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("field", ["visitor", "visitor_id", "user_id", "anonymous_id", "key", "query_string"])
def test_a_field_that_could_name_somebody_is_blanked(lines: io.StringIO, field: str) -> None:
    logs.logger("worker").warning("odd", **{field: "a:secret"})
    assert "a:secret" not in lines.getvalue()
    assert read(lines)[0][field] == "[withheld]"


def test_an_exception_is_told_on_its_line(lines: io.StringIO) -> None:
    try:
        raise ValueError("no such thing")
    except ValueError:
        logs.logger("worker").exception("halted")
    (line,) = read(lines)
    assert "ValueError: no such thing" in line["exception"]


def test_libraries_speak_the_same_way_and_only_when_it_matters(lines: io.StringIO) -> None:
    logging.getLogger("aiokafka.consumer").info("joined group")
    logging.getLogger("aiokafka.consumer").warning("lost %s", "group")
    (line,) = read(lines)
    assert (line["message"], line["logger"]) == ("lost group", "aiokafka.consumer")


def test_below_the_level_nothing_is_said(lines: io.StringIO) -> None:
    logs.logger("worker").debug("each event")
    assert lines.getvalue() == ""


def test_a_library_that_warns_again_and_again_is_heard_once(lines: io.StringIO) -> None:
    for number in range(1000):
        logging.getLogger("aiokafka.cluster").warning("Topic %s not found", number)
        logs.logger("gateway").warning("ours", number=number)
    said = read(lines)
    assert [line["message"] for line in said if line["logger"] == "aiokafka.cluster"] == ["Topic 0 not found"]
    assert len([line for line in said if line["logger"] == "gateway"]) == 1000
