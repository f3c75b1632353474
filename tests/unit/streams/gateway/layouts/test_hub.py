"""Mailboxes: the newest notice wins, nothing that happened is forgotten; the hub finds the right ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from schemas.ids import VisitorId
from streams.gateway.layouts.hub import Hub, Mailbox
from streams.runtime.clock import ManualClock
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.memory import MemoryNotices
from streams.stores.protocols import Notice

ANN, BOB = VisitorId("a:ann"), VisitorId("a:bob")


def notice(version: str, *, changed: bool = True, visitor: VisitorId = ANN) -> Notice:
    return Notice(3, visitor, changed, version)


async def test_latest_wins_and_a_change_is_remembered() -> None:
    box = Mailbox()
    assert not box.put(notice("1.3.1", changed=True), 1.0)
    assert box.put(notice("1.3.2", changed=False), 2.0)
    mail = await box.take()
    assert mail.notice is not None
    assert (mail.notice.version, mail.notice.layout_changed, mail.ignore_result) == ("1.3.2", True, 2.0)
    box.put(notice("1.3.3", changed=False), 3.0)
    later = (await box.take()).notice
    assert later is not None
    assert not later.layout_changed


async def test_take_waits() -> None:
    box = Mailbox()
    taking = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    assert not taking.done()
    box.beat()
    mail = await taking
    assert (mail.notice, mail.reread, mail.closed) == (None, False, False)


async def test_a_closed_box_says_so_for_ever() -> None:
    box = Mailbox()
    box.close()
    assert (await box.take()).closed
    assert (await box.take()).closed


@pytest.fixture
def notices() -> MemoryNotices:
    return MemoryNotices()


@pytest.fixture
async def hub(notices: MemoryNotices) -> AsyncIterator[Hub]:
    hub = Hub(notices, ManualClock(), Metrics())
    hub.start()
    yield hub
    await hub.stop()


async def test_the_first_mail_says_reread_once_nothing_can_be_missed(
    hub: Hub, notices: MemoryNotices
) -> None:
    with hub.mailbox(3, ANN) as box:
        assert (await box.take()).reread
        with hub.mailbox(3, ANN) as second:
            assert (await second.take()).reread


async def test_each_visitor_hears_of_itself(hub: Hub, notices: MemoryNotices) -> None:
    with hub.mailbox(3, ANN) as ann, hub.mailbox(3, ANN) as ann_too, hub.mailbox(3, BOB) as bob:
        for box in (ann, ann_too, bob):
            assert (await box.take()).reread
        notices.deliver(notice("1.3.7"))
        for box in (ann, ann_too):
            ignore_result = (await box.take()).notice
            assert ignore_result is not None
            assert ignore_result.version == "1.3.7"
        notices.deliver(notice("1.3.8", visitor=BOB))
        ignore_result = (await bob.take()).notice
        assert ignore_result is not None
        assert ignore_result.version == "1.3.8"


async def test_stopping_ends_every_stream(notices: MemoryNotices) -> None:
    hub = Hub(notices, ManualClock(), Metrics())
    hub.start()
    with hub.mailbox(3, ANN) as box:
        await box.take()
        await hub.stop()
        assert (await box.take()).closed
        with hub.mailbox(3, BOB) as late:
            assert (await late.take()).closed
