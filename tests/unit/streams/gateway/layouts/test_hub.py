"""Mailboxes: the newest notice wins, nothing that happened is forgotten; the hub finds the right ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from schemas.ids import VisitorId
from streams.gateway.layouts import hub as hub_module
from streams.gateway.layouts.hub import HEARTBEAT_S, REREAD_PAUSE_S, UNFOLLOW_AFTER_S, Hub, Mailbox
from streams.runtime.clock import ManualClock
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.memory_notices import MemoryNotices
from streams.stores.protocols import Notice
from tests.unit.streams.gateway.virtual_time import virtual_loop

ANN, BOB = VisitorId("a:ann"), VisitorId("a:bob")


def notice(version: str, *, changed: bool = True, visitor: VisitorId = ANN) -> Notice:
    return Notice(3, visitor, changed, version)


async def take_notice(mailbox: Mailbox) -> Notice:
    taken = (await mailbox.take()).notice
    assert taken is not None
    return taken


async def test_latest_wins_and_a_change_is_remembered() -> None:
    mailbox = Mailbox()
    assert not mailbox.put(notice("1.3.1", changed=True), 1.0)
    assert mailbox.put(notice("1.3.2", changed=False), 2.0)
    mail = await mailbox.take()
    assert mail.notice is not None
    assert (mail.notice.version, mail.notice.layout_changed, mail.noticed_at) == ("1.3.2", True, 2.0)
    mailbox.put(notice("1.3.3", changed=False), 3.0)
    assert not (await take_notice(mailbox)).layout_changed


async def test_take_waits() -> None:
    mailbox = Mailbox()
    taking = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    mailbox.request_heartbeat()
    mail = await taking
    assert (mail.notice, mail.reread, mail.closed) == (None, False, False)


async def test_a_closed_mailbox_says_so_for_ever() -> None:
    mailbox = Mailbox()
    mailbox.close()
    assert (await mailbox.take()).closed
    assert (await mailbox.take()).closed


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
    with hub.open_mailbox(3, ANN) as first:
        assert (await first.take()).reread
        with hub.open_mailbox(3, ANN) as second:
            assert (await second.take()).reread


async def test_each_visitor_gets_its_own_notices(hub: Hub, notices: MemoryNotices) -> None:
    with (
        hub.open_mailbox(3, ANN) as ann,
        hub.open_mailbox(3, ANN) as ann_too,
        hub.open_mailbox(3, BOB) as bob,
    ):
        for mailbox in (ann, ann_too, bob):
            assert (await mailbox.take()).reread
        notices.deliver(notice("1.3.7"))
        for mailbox in (ann, ann_too):
            assert (await take_notice(mailbox)).version == "1.3.7"
        notices.deliver(notice("1.3.8", visitor=BOB))
        assert (await take_notice(bob)).version == "1.3.8"


async def test_stopping_ends_every_stream(notices: MemoryNotices) -> None:
    hub = Hub(notices, ManualClock(), Metrics())
    hub.start()
    with hub.open_mailbox(3, ANN) as mailbox:
        await mailbox.take()
        await hub.stop()
        assert (await mailbox.take()).closed
        with hub.open_mailbox(3, BOB) as late:
            assert (await late.take()).closed


async def test_mailboxes_reread_a_few_at_a_time(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "REREAD_AT_ONCE", 2)
    with hub.open_mailbox(0, ANN) as one, hub.open_mailbox(0, ANN) as other:
        for mailbox in (one, other):
            await mailbox.take()
        started = virtual_loop().time()
        await hub.reread_all()
        assert virtual_loop().time() - started == pytest.approx(REREAD_PAUSE_S)
        for mailbox in (one, other):
            assert (await mailbox.take()).reread


async def test_a_quiet_mailbox_gets_heartbeats(hub: Hub) -> None:
    with hub.open_mailbox(3, ANN) as mailbox:
        await mailbox.take()
        started = virtual_loop().time()
        mail = await mailbox.take()
        assert (mail.notice, mail.reread, mail.closed) == (None, False, False)
        assert virtual_loop().time() - started == pytest.approx(HEARTBEAT_S)


async def test_a_partition_is_followed_a_while_longer_than_somebody_listens(
    hub: Hub, notices: MemoryNotices
) -> None:
    with hub.open_mailbox(3, ANN) as mailbox:
        await mailbox.take()
    await asyncio.sleep(UNFOLLOW_AFTER_S / 2)
    assert notices._followed == {3}
    await asyncio.sleep(UNFOLLOW_AFTER_S / 2 + 1.5 * HEARTBEAT_S)  # it is ended with a heartbeat
    assert notices._followed == set()
    with hub.open_mailbox(3, ANN) as mailbox:
        assert (await mailbox.take()).reread
