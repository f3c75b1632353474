"""Files are checked entry by entry; an error names the line and the field."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from schemas.errors import InvalidDocument
from schemas.storefront import RuleDef, Section
from streams.shop.document_parsing import parse_event_lines, parse_items, parse_storefront, read_file

GOOD = b'{"item_id":"a","title":"A","categories":["x"],"price":3}'
OTHER = b'{"item_id":"b","title":"B","categories":["x"],"price":4}'
BAD = b'{"item_id":"b","title":"B","categories":["x"],"price":"4"}'


@pytest.mark.parametrize("raw", [b"[" + GOOD + b",\n" + OTHER + b"]", GOOD + b"\n\n" + OTHER + b"\n"])
def test_a_list_and_lines_give_the_same_items(raw: bytes) -> None:
    assert [item.item_id for item in parse_items(raw, "f")] == ["a", "b"]


@pytest.mark.parametrize(
    ("raw", "line"),
    [(GOOD + b"\n" + BAD, 2), (b"[\n" + GOOD + b",\n\n" + BAD + b"]", 4), (BAD, 1)],
)
def test_a_wrong_item_is_named_by_line_and_field(raw: bytes, line: int) -> None:
    with pytest.raises(
        InvalidDocument, match=rf"^shop\.json line {line}: Expected `float`.*\$\.price"
    ) as caught:
        parse_items(raw, "shop.json")
    assert caught.value.field == "$.price"


def test_an_id_given_twice_is_refused() -> None:
    with pytest.raises(InvalidDocument, match=r"line 3: item_id 'a' stands on line 1 too"):
        parse_items(GOOD + b"\n" + OTHER + b"\n" + GOOD, "f")


@pytest.mark.parametrize("raw", [b"", b"[]", b" \n", b"[1", b"\xff\xfe"])
def test_files_without_items_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidDocument, match=r"^f"):
        parse_items(raw, "f")


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidDocument, match="No such file"):
        read_file(tmp_path / "none.json")


def test_a_storefront_is_checked_by_the_index() -> None:
    raw = b'{"pages":[{"section":"page","page":"home","slots":[{"id":"s","admits":["nope"],"default":"x"}]}]}'
    with pytest.raises(
        InvalidDocument, match=r"f: no module 'nope' - at `\$\.pages\[0\]\.slots\[0\]\.admits\[0\]`"
    ):
        parse_storefront(raw, "f")
    assert parse_storefront(b"{}", "f").pages == []


MODULE = {"id": "m", "type": "hero", "title": "T"}
RULE = {"id": "r", "action": "exclude", "match": {"tags": ["x"]}}
SLOT = {"id": "s", "admits": ["hero"], "default": "hero"}
TYPOS: list[tuple[dict[str, object], str, str]] = [
    ({"ruls": [RULE]}, "$.ruls", "did you mean rules?"),
    (
        {"modules": [MODULE, MODULE | {"id": "n", "stranger_titel": "T"}]},
        "$.modules[1].stranger_titel",
        "did you mean stranger_title?",
    ),
    (
        {"rules": [RULE | {"match": {"category": ["x"]}}]},
        "$.rules[0].match.category",
        "did you mean categories?",
    ),
    (
        {"pages": [{"page": "home", "slots": [SLOT | {"zz": 1}]}]},
        "$.pages[0].slots[0].zz",
        "known are admits, default, id",
    ),
    ({"x" * 9999: 1}, "$." + "x" * 40, "known are modules, pages, rules"),
]


@pytest.mark.parametrize(("document", "field", "hint"), TYPOS, ids=[field[:30] for _, field, _ in TYPOS])
def test_a_field_of_a_storefront_that_nobody_reads_is_refused(
    document: dict[str, object], field: str, hint: str
) -> None:
    with pytest.raises(InvalidDocument) as refused:
        parse_storefront(json.dumps(document).encode(), "shop.json")
    assert refused.value.field == field
    assert str(refused.value) == f"shop.json: unknown, {hint} - at `{field}`"


def test_a_rule_that_would_empty_the_shop_is_refused() -> None:
    raw = b'{"rules":[{"id":"r","action":"exclude","pages":["home"]}]}'
    with pytest.raises(InvalidDocument, match="would take every item away") as refused:
        parse_storefront(raw, "shop.json")
    assert refused.value.field == "$.rules[0].match"


def test_a_section_may_name_its_kind() -> None:
    document = {"rules": [RULE | {"section": "rule"}], "modules": [MODULE | {"section": "module"}]}
    assert parse_storefront(json.dumps(document).encode(), "f").rules[0].id == "r"


def test_readers_of_the_topic_survive_a_new_field() -> None:
    assert msgspec.convert(RULE | {"section": "rule", "new": 1}, Section) == msgspec.convert(RULE, RuleDef)


def test_each_line_is_an_event_or_says_why_not() -> None:
    good = b'{"event":"page_view","message_id":"m","anonymous_id":"x","timestamp":"2026-01-01T00:00:00Z"}'
    lines = list(
        parse_event_lines(good + b"\n\n" + b'{"event":"view_item"}\n' + good.replace(b'"x"', b'"y z"'))
    )
    assert [(line.line, line.event is not None) for line in lines] == [(1, True), (3, False), (4, False)]
    assert "message_id" in lines[1].error
    assert "anonymous_id" in lines[2].error
