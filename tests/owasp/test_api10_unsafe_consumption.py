"""API10, unsafe consumption of APIs: what Redis and Kafka hold is taken as if anybody had written it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from schemas.codec import decode_event
from schemas.errors import InvalidEvent
from schemas.layouts import Layout
from schemas.topics import CATALOG, ITEM_SIGNALS, STOREFRONT
from streams.gateway.events.partition_map import PartitionMap, TopicSeen
from streams.runtime.tasks import cancel_and_wait
from streams.shop.inputs import ShopInputs
from streams.stores.api_keys import read_api_keys
from streams.stores.keys import Keys
from streams.stores.protocols import Following, Notice
from streams.stores.redis.endpoint.address import parse_address
from streams.stores.redis.layouts import RedisNotices
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.browser import open_page
from tests.unit.streams.gateway.house import ANN, META, House, state_after_views
from tests.unit.streams.shop.example_inputs import NS, raw

DEEP = b"[" * 100_000
HOME = f"/v1/layouts/home?visitor={ANN}"
VALUES: dict[str, Any] = {
    "empty": b"",
    "garbage": b"garbage",
    "zeros": bytes(400),
    "json": b'{"a":1}',
    "msgpack": b"\x81\xa1a\x01",
    "pickle": b"cos\nsystem\n(S'true'\ntR.",
    "oversized": b"\x01" * 2_000_000,
    "of another type": ["a", "b"],
}
LAYOUTS: dict[str, Any] = {
    "garbage": (b"\xff{", b"garbage"),
    "empty": (b"", b""),
    "deep": (b"{", DEEP),
    "huge": (b"{", b"x" * 3_000_000),
    "script": (b'{"version":"1.0.0"', b',"layout_id":"<script>","slots":[]}'),
    "of another type": "text",
}


async def _whole_page(keyed: Keyed) -> Layout:
    _, client, keys = keyed
    answer = await client.get(HOME, headers=keys.headers("server"))
    assert answer.status_code == 200
    layout = msgspec.json.decode(answer.content, type=Layout)
    assert layout.slots
    assert layout.visitor_id == ANN
    return layout


def _key(house: House) -> Any:
    return house.partition(), ANN


@pytest.mark.parametrize("value", VALUES, ids=str)
async def test_whatever_a_state_is_its_visitor_gets_a_page_and_it_is_counted(
    keyed: Keyed, value: str
) -> None:
    house, client, keys = keyed
    await house.write(state_after_views(["sneakers-0001"]), layout=False)
    house.store.contents.states[_key(house)] = VALUES[value]
    assert (await _whole_page(keyed)).mode == "popular"
    if VALUES[value] == b"":
        return  # a visitor of whom nothing is known yet
    assert house.metric('etalage_store_errors_total{kind="unreadable"}') == 1
    profile = await client.get(f"/v1/visitors/{ANN}", headers=keys.headers("read"))
    assert profile.status_code == 503


@pytest.mark.parametrize("value", LAYOUTS, ids=str)
async def test_whatever_a_stored_layout_is_a_page_is_answered(keyed: Keyed, value: str) -> None:
    house, _, keys = keyed
    await house.write(state_after_views(["sneakers-0001"]))
    house.store.contents.layouts[_key(house)] = LAYOUTS[value]
    await _whole_page(keyed)
    async with open_page(house, headers=keys.headers("server")) as page:
        assert (await page.next()).layout().slots


HOSTILE_JSON = [
    b"",
    b"{",
    b"\xff",
    b"null",
    b"1",
    b'"x"',
    b"[]",
    DEEP,
    b'{"a":' + DEEP,
    b"1e999",
    b'{"item_id":{}}',
]


@pytest.mark.parametrize("value", HOSTILE_JSON, ids=lambda value: str(value[:12]))
@pytest.mark.parametrize("topic", [CATALOG, STOREFRONT, ITEM_SIGNALS], ids=lambda topic: str(topic.name))
def test_a_record_that_nobody_of_ours_wrote_is_skipped(topic: Any, value: bytes) -> None:
    inputs = ShopInputs()
    (skipped,) = inputs.apply([raw(topic, 7, "x", value)], NS)
    assert skipped.offset == 7
    assert (inputs.items, inputs.sections, inputs.signals) == ({}, {}, {})


@pytest.mark.parametrize("value", HOSTILE_JSON, ids=lambda value: str(value[:12]))
def test_an_event_that_nobody_of_ours_wrote_is_none(value: bytes) -> None:
    with pytest.raises(InvalidEvent):
        decode_event(value)


class _Stored:
    """A connection whose every answer is this."""

    def __init__(self, reply: Any) -> None:
        self._reply = reply

    async def call(self, *_: Any) -> Any:
        return self._reply


@pytest.mark.parametrize(
    "stored",
    [
        *HOSTILE_JSON,
        json.dumps({"id": "x", "kind": "root", "created": 0}).encode(),
        json.dumps({"id": "x", "kind": "admin", "created": 0, "roles": ["everything"]}).encode(),
        json.dumps({"id": "x", "kind": "signing", "created": 0}).encode(),
        json.dumps({"id": "x", "kind": "signing", "created": 0, "secret": "short"}).encode(),
        b'{"id":"x","kind":"admin","created":0,"more":' + DEEP,
    ],
    ids=lambda stored: str(stored[:60]),
)
async def test_a_key_that_cannot_be_read_opens_nothing_and_stops_nothing(stored: bytes) -> None:
    connection: Any = _Stored([stored])
    assert await read_api_keys(connection, Keys("unit")) == []


@pytest.mark.parametrize(
    "stored",
    [
        *HOSTILE_JSON,
        b'{"topic_id":"t","partitions":0}',
        b'{"topic_id":"t","partitions":-4}',
        b'{"topic_id":"t","partitions":4000000000}',
        b'{"topic_id":"t","partitions":2,"more":' + DEEP,
    ],
    ids=lambda stored: str(stored[:40]),
)
async def test_what_redis_says_of_the_topics_may_be_anything(stored: bytes) -> None:
    partition_map = PartitionMap(4)

    async def redis() -> bytes:
        return stored

    async def kafka() -> TopicSeen:
        return TopicSeen()

    updating = asyncio.create_task(partition_map.keep_updated(redis, kafka))
    await asyncio.sleep(1)
    assert not updating.done()
    assert (partition_map.partitions, partition_map.incarnation) == (4, None)
    await cancel_and_wait(updating)
    partition_map.update(META)


@pytest.mark.parametrize(
    "payload",
    [
        *HOSTILE_JSON,
        b"[[]]",
        b"[1]",
        b'[["a:1",1]]',
        b'[[["a:1"],1,"1.0.1"]]',
        b'[["a:1",1,{}]]',
        b'[{"a":1}]',
    ],
    ids=lambda payload: str(payload[:20]),
)
async def test_a_notice_that_nobody_of_ours_sent_makes_open_pages_look_again(payload: bytes) -> None:
    notices = RedisNotices(parse_address("redis://nowhere"), Keys("unit"))
    notices._followed.add(3)
    channel = Keys("unit").channel(3).encode()
    notices._take_message(channel, payload)
    notices._take_message(channel, b'[["a:1",1,"1.3.1",1.5]]')
    await notices.close()
    received = [one async for one in notices]
    assert received[-1] == Notice(3, "a:1", True, "1.3.1", (1.5,))  # type: ignore[arg-type]
    assert received[:-1] in ([], [Following(3)])
    assert (received[:-1] == []) == (payload == b"[]")
