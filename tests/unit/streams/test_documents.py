"""Files are checked entry by entry; an error names the line and the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import InvalidDocument
from streams.documents import events_in, items_in, read_file, storefront_in

GOOD = b'{"item_id":"a","title":"A","categories":["x"],"price":3}'
OTHER = b'{"item_id":"b","title":"B","categories":["x"],"price":4}'
BAD = b'{"item_id":"b","title":"B","categories":["x"],"price":"4"}'


@pytest.mark.parametrize("raw", [b"[" + GOOD + b",\n" + OTHER + b"]", GOOD + b"\n\n" + OTHER + b"\n"])
def test_a_list_and_lines_give_the_same_items(raw: bytes) -> None:
    assert [item.item_id for item in items_in(raw, "f")] == ["a", "b"]


@pytest.mark.parametrize(
    ("raw", "line"),
    [(GOOD + b"\n" + BAD, 2), (b"[\n" + GOOD + b",\n\n" + BAD + b"]", 4), (BAD, 1)],
)
def test_a_wrong_item_is_named_by_line_and_field(raw: bytes, line: int) -> None:
    with pytest.raises(
        InvalidDocument, match=rf"^shop\.json line {line}: Expected `float`.*\$\.price"
    ) as caught:
        items_in(raw, "shop.json")
    assert caught.value.field == "$.price"


def test_an_id_given_twice_is_refused() -> None:
    with pytest.raises(InvalidDocument, match=r"line 3: item_id 'a' stands on line 1 too"):
        items_in(GOOD + b"\n" + OTHER + b"\n" + GOOD, "f")


@pytest.mark.parametrize("raw", [b"", b"[]", b" \n", b"[1", b"\xff\xfe"])
def test_files_without_items_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidDocument, match=r"^f"):
        items_in(raw, "f")


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidDocument, match="No such file"):
        read_file(tmp_path / "none.json")


def test_a_storefront_is_checked_by_the_index() -> None:
    raw = b'{"pages":[{"section":"page","page":"home","slots":[{"id":"s","admits":["nope"],"default":"x"}]}]}'
    with pytest.raises(
        InvalidDocument, match=r"f: no module 'nope' - at `\$\.pages\[0\]\.slots\[0\]\.admits\[0\]`"
    ):
        storefront_in(raw, "f")
    assert storefront_in(b"{}", "f").pages == []


def test_each_line_is_an_event_or_says_why_not() -> None:
    good = b'{"event":"page_view","message_id":"m","anonymous_id":"x","timestamp":"2026-01-01T00:00:00Z"}'
    lines = list(events_in(good + b"\n\n" + b'{"event":"view_item"}\n' + good.replace(b'"x"', b'"y z"')))
    assert [(line.line, line.event is not None) for line in lines] == [(1, True), (3, False), (4, False)]
    assert "message_id" in lines[1].why
    assert "anonymous_id" in lines[2].why
