"""Compressed bodies, what they may become, and which types of bodies are taken."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import cramjam
import httpx
import pytest

from streams.gateway.events.intake.validation import REQUEST_BYTES_MAX
from streams.gateway.http.problems import Problem
from streams.gateway.http.requests.encodings import CODINGS, inflate
from tests.unit.streams.gateway.access.keyed import SHOP, keyed_gateway
from tests.unit.streams.gateway.house import House, event, open_gateway


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


Pack = Callable[[bytes], bytes]
PACKED: list[tuple[str, Pack]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", lambda body: bytes(cramjam.brotli.compress(body))),
    ("zstd", lambda body: bytes(cramjam.zstd.compress(body))),
    ("identity", lambda body: body),
    ("GZIP", gzip.compress),
]
every_coding = pytest.mark.parametrize(
    ("coding", "pack"), PACKED, ids=lambda one: one if isinstance(one, str) else ""
)


def problem_of(body: bytes, coding: str, limit: int) -> Problem:
    with pytest.raises(Problem) as refused:
        inflate(body, coding.encode(), limit)
    return refused.value


@every_coding
async def test_a_compressed_body_is_taken(
    house: House, client: httpx.AsyncClient, coding: str, pack: Pack
) -> None:
    body = json.dumps([event(n) for n in range(16)]).encode()
    answer = await client.post("/v1/events", content=pack(body), headers={"content-encoding": coding})
    assert [one["status"] for one in answer.json()["results"]] == ["accepted"] * 16
    assert len(house.log.messages) == 16


@every_coding
@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_every_size_up_to_the_limit(coding: str, pack: Pack, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert inflate(pack(body), coding.encode(), 100_000) == body


@every_coding
def test_a_bomb_is_refused(coding: str, pack: Pack) -> None:
    if coding == "identity":
        return  # read_body has its limit
    assert problem_of(pack(b"\0" * (50 << 20)), coding, REQUEST_BYTES_MAX).status == 413


def test_a_window_beyond_what_http_asks_for_is_refused() -> None:
    head = b"\x28\xb5\x2f\xfd" + bytes([0x00, 0xFF])
    assert problem_of(head + b"\0" * 20, "zstd", 1000).status == 413


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    "body", [b"", b"x", b"[1, 2, 3]", b"\x1f\x8b\x08" + b"\xff" * 30, b"\x28\xb5\x2f\xfd"]
)
def test_a_body_that_is_not_of_its_coding_is_refused(coding: str, body: bytes) -> None:
    assert problem_of(body, coding, 1000).status in (400, 413)


@pytest.mark.parametrize("coding", ["compress", "gzip, br", "exi", "\xff" * 100])
async def test_another_coding_is_refused_with_what_is_taken(client: httpx.AsyncClient, coding: str) -> None:
    answer = await client.post(
        "/v1/events", content=b"[]", headers=[(b"content-encoding", coding.encode("latin-1"))]
    )
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == ", ".join(CODINGS)
    assert all(name in answer.json()["detail"] for name in CODINGS)


@pytest.mark.parametrize(
    "kind", ["", "application/json", "text/plain;charset=UTF-8", "application/problem+json"]
)
async def test_types_that_json_comes_as(client: httpx.AsyncClient, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    answer = await client.post("/v1/events", content=json.dumps([event(1)]), headers=headers)
    assert answer.json()["results"][0]["status"] == "accepted"


@pytest.mark.parametrize("kind", ["application/xml", "multipart/form-data; boundary=x", "image/gif"])
async def test_another_type_is_refused_with_what_is_taken(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post("/v1/events", content=json.dumps([event(1)]), headers={"content-type": kind})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]
    assert answer.headers["accept"] == "application/json, text/plain"


async def test_a_beacon_of_a_named_origin_is_taken_with_its_cookie() -> None:
    async with keyed_gateway() as (house, client, keys):
        cookie = f"etalage_visitor={keys.token('a:ann')}"
        answer = await client.post(
            f"/v1/events?key={keys.texts['publishable']}",
            content=json.dumps([event(1)]),
            headers={"origin": SHOP, "cookie": cookie, "content-type": "text/plain;charset=UTF-8"},
        )
        assert answer.json()["results"][0]["status"] == "accepted"
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert [message.key for message in house.log.messages] == [b"a:ann"]


async def test_a_beacon_of_json_asks_first_and_may() -> None:
    """`sendBeacon` with a Blob of application/json is preflighted, with credentials."""
    asks = {
        "origin": SHOP,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    async with open_gateway(origins=SHOP) as (_, client):
        answer = await client.options("/v1/events", headers=asks)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert "content-type" in answer.headers["access-control-allow-headers"]
