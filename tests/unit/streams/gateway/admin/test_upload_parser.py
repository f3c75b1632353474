"""An upload is cut between its entries, whatever is in them, and holds the loop only for moments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import cycle, islice
from typing import Any

import httpx
import msgspec
import pytest

from schemas.codec import encode
from streams.gateway.admin import upload_parser
from streams.gateway.admin.catalog import CATALOG_BYTES_MAX
from streams.gateway.admin.upload_parser import cut
from streams.gateway.http.problems import Problem
from tests.unit.streams.gateway.house import House, small_shop
from tests.unit.streams.loop_slices import watched_slices

UPLOAD_BYTES = 25 << 20
SLICE_S = 0.02
"""Twice what is aimed at: the slowest machine still shows the difference to 60 ms."""

ODD: list[Any] = [
    {"a": "},{"}, {"a": [{"b": 1}, {"b": 2}]}, {"a": '\\"},{\\'}, {"a": "é"}, {}, 5, "},{", [{}, {}], None,
]  # fmt: skip


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_parser, "PIECE_BYTES", 40)


def cut_values(body: bytes) -> list[Any]:
    return [msgspec.json.decode(entry) for entries in cut(body) for entry in entries]


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("indent", [0, 2])
def test_entries_come_back_as_they_were(indent: int) -> None:
    for turn in range(len(ODD)):
        values = [*ODD[turn:], *ODD[:turn]] * 20
        body = b" \n" + msgspec.json.format(msgspec.json.encode(values), indent=indent) + b"\n"
        assert cut_values(body) == values


@pytest.mark.usefixtures("small_pieces")
def test_entries_with_more_objects_inside_than_cuts_are_tried() -> None:
    values = [{"variants": [{"n": n} for n in range(500)]} for _ in range(3)]
    assert cut_values(msgspec.json.encode(values)) == values


@pytest.mark.usefixtures("small_pieces")
def test_lines() -> None:
    lines = [msgspec.json.encode(value) for value in ODD] * 20
    assert cut_values(b"\n".join(lines)) == ODD * 20
    assert cut_values(b"\r\n\r\n".join(lines) + b"\n") == ODD * 20
    assert cut_values(b"") == []


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    "wrong", [b"[1, 2", b"[1} 2]", b"[%b" % (b'{"a": 1},' * 50), b"[{}, {}] 5", b"[" * 500]
)
def test_what_is_no_list_is_refused(wrong: bytes) -> None:
    with pytest.raises(Problem, match="not a list of items") as caught:
        cut_values(wrong)
    assert caught.value.status == 400


def upload(separator: bytes) -> bytes:
    items = [encode(item) for item in small_shop().items.items]
    count = UPLOAD_BYTES // (sum(map(len, items)) // len(items))
    return separator.join(islice(cycle(items), count))


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@pytest.mark.parametrize("as_list", [True, False])
@pytest.mark.parametrize("down", [False, True])
async def test_a_large_upload_holds_the_loop_for_moments_only(
    house: House, client: httpx.AsyncClient, *, as_list: bool, down: bool
) -> None:
    body = b"[" + upload(b", ") + b"]" if as_list else upload(b"\n")
    assert UPLOAD_BYTES * 0.9 < len(body) < CATALOG_BYTES_MAX
    house.log.down = down
    async with watched_slices() as slices:
        answer = await client.put("/v1/catalog/items", content=in_chunks(body))
    results = answer.json()["results"]
    assert {result["status"] for result in results} == {"retry" if down else "accepted"}
    assert len(results) > 50_000
    assert slices.longest_s < SLICE_S
