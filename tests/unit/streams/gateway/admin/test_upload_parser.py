"""An upload is split between its entries, whatever is in them, and the loop turns between the pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle, islice
from typing import Any

import httpx
import msgspec
import pytest

from schemas.codec import encode
from streams.gateway.admin import catalog, upload_parser
from streams.gateway.admin.catalog import CATALOG_BYTES_MAX
from streams.gateway.admin.upload_parser import PIECE_BYTES, Entries, split_upload
from streams.gateway.http.problems import Problem
from tests.unit.streams.gateway.house import House, small_shop

UPLOAD_BYTES = 25 << 20

ODD: list[Any] = [
    {"a": "},{"}, {"a": [{"b": 1}, {"b": 2}]}, {"a": '\\"},{\\'}, {"a": "é"}, {}, 5, "},{", [{}, {}], None,
]  # fmt: skip


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_parser, "PIECE_BYTES", 40)


def split_values(body: bytes) -> list[Any]:
    return [msgspec.json.decode(entry) for entries in split_upload(body) for entry in entries]


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("indent", [0, 2])
def test_entries_come_back_as_they_were(indent: int) -> None:
    for turn in range(len(ODD)):
        values = [*ODD[turn:], *ODD[:turn]] * 20
        body = b" \n" + msgspec.json.format(msgspec.json.encode(values), indent=indent) + b"\n"
        assert split_values(body) == values


@pytest.mark.usefixtures("small_pieces")
def test_entries_with_more_objects_inside_than_cuts_are_tried() -> None:
    values = [{"variants": [{"n": n} for n in range(500)]} for _ in range(3)]
    assert split_values(msgspec.json.encode(values)) == values


@pytest.mark.usefixtures("small_pieces")
def test_lines() -> None:
    lines = [msgspec.json.encode(value) for value in ODD] * 20
    assert split_values(b"\n".join(lines)) == ODD * 20
    assert split_values(b"\r\n\r\n".join(lines) + b"\n") == ODD * 20
    assert split_values(b"") == []


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    "wrong", [b"[1, 2", b"[1} 2]", b"[%b" % (b'{"a": 1},' * 50), b"[{}, {}] 5", b"[" * 500]
)
def test_what_is_no_list_is_refused(wrong: bytes) -> None:
    with pytest.raises(Problem, match="not a list of items") as caught:
        split_values(wrong)
    assert caught.value.status == 400


def upload(separator: bytes) -> bytes:
    items = [encode(item) for item in small_shop().items.items]
    count = UPLOAD_BYTES // (sum(map(len, items)) // len(items))
    return separator.join(islice(cycle(items), count))


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


class Turns:
    """Counts the turns of the loop."""

    def __init__(self) -> None:
        self.count = 0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.count += 1


@asynccontextmanager
async def counted_turns() -> AsyncIterator[Turns]:
    turns = Turns()
    counting = asyncio.create_task(turns.run())
    try:
        yield turns
    finally:
        counting.cancel()
        await asyncio.gather(counting, return_exceptions=True)


@pytest.mark.parametrize("as_list", [True, False])
@pytest.mark.parametrize("down", [False, True])
async def test_the_loop_turns_between_the_pieces_of_a_large_upload(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, *, as_list: bool, down: bool
) -> None:
    validated: list[tuple[int, int]] = []  # after how many turns, how many bytes
    validate = catalog._validate_entries

    def note_piece(entries: Entries) -> Any:
        validated.append((turns.count, sum(len(memoryview(entry)) for entry in entries)))
        return validate(entries)

    monkeypatch.setattr(catalog, "_validate_entries", note_piece)
    body = b"[" + upload(b", ") + b"]" if as_list else upload(b"\n")
    assert UPLOAD_BYTES * 0.9 < len(body) < CATALOG_BYTES_MAX
    house.log.down = down
    async with counted_turns() as turns:
        answer = await client.put("/v1/catalog/items", content=in_chunks(body))
    results = answer.json()["results"]
    assert {result["status"] for result in results} == {"retry" if down else "accepted"}
    assert len(results) > 50_000
    at, sizes = zip(*validated, strict=True)
    assert len(set(at)) == len(at), "no two pieces between two turns"
    assert max(sizes) <= 2 * PIECE_BYTES
    assert turns.count - max(at) >= len(at), "the answer is encoded piece by piece too"
