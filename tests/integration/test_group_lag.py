"""The lag of a group is known while none of its members lives."""

from __future__ import annotations

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from schemas.errors import ServiceMissing
from schemas.topics import EVENTS
from streams.kafka.admin import admin
from streams.kafka.batch_sending import send_all
from streams.kafka.consumer_lag import read_group_lags
from streams.kafka.producer import open_producer
from streams.runtime.ports import wait_until
from streams.runtime.settings import Settings


def is_known(settings: Settings) -> bool:
    """A fresh broker has no coordinator of groups for a moment."""
    try:
        return bool(read_group_lags(settings))
    except ServiceMissing:
        return False


async def test_what_a_dead_group_left_is_its_lag(settings: Settings) -> None:
    assert wait_until(lambda: is_known(settings), within_s=30)
    assert read_group_lags(settings) == {"personalize": 0, "items": 0}
    topic = EVENTS.full_name(settings.namespace)
    async with open_producer(settings.kafka or "") as producer:
        await send_all(producer, topic, [(f"a:{n}".encode(), b"{}") for n in range(20)])
    assert read_group_lags(settings) == {"personalize": 20, "items": 0}
    with admin(settings) as client:
        place = TopicPartition(topic, 0)
        at = OffsetAndMetadata(1, "", -1)
        client.alter_group_offsets(f"{settings.namespace}.personalize", {place: at})
    assert read_group_lags(settings) == {"personalize": 19, "items": 0}
